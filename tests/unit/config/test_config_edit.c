/* SPDX-License-Identifier: Apache-2.0
 * One word is set in an ini, and not a byte else changes; where that is not sure, nothing does. */
#include "check.h"

#include "config/config_edit.h"

static void check_edit(const char *text, bool is_enabled, const char *expected)
{
    _buf_ struct buf out = {0};
    struct err err = {0};
    int status = config_edit_enabled_text(str_of(text), is_enabled, &out, &err);

    if (expected == NULL) {
        assert_int_equal(status, E_REFUSED);
        assert_non_null(strstr(err.text, is_enabled ? "enabled = yes" : "enabled = no"));
        assert_int_equal(out.len, 0);
        return;
    }
    if (status < 0)
        fail_msg("%s", err.text);
    assert_string_equal(out.ptr, expected);
}

static void the_value_alone_is_replaced(void **state)
{
    (void)state;
    check_edit("; first\n[integration]\nplugin = a\nenabled=yes ; why\n[select]\ntype = b\n", false,
               "; first\n[integration]\nplugin = a\nenabled=no ; why\n[select]\ntype = b\n");
    check_edit("[integration]\nenabled   :   off\n", true, "[integration]\nenabled   :   yes\n");
    check_edit("[integration]\nenabled = no\n", true, "[integration]\nenabled = yes\n");
    check_edit("[integration]\nenabled = no", true, "[integration]\nenabled = yes");
    check_edit("[integration]\r\nenabled = no\r\n", true, "[integration]\r\nenabled = yes\r\n");
    check_edit("[integration]\nenabled = yes\n", true, "[integration]\nenabled = yes\n");
    check_edit("[integration]\nenabled =\n", false, "[integration]\nenabled = no\n");
    check_edit("[integration]\nenabled = of course ; x\n", false,
               "[integration]\nenabled = no ; x\n");
    check_edit("[integration]\nenabled = yes\n   of\n; here\n\n   course\n[a]\n", false,
               "[integration]\nenabled = no\n; here\n\n[a]\n");
}

static void a_missing_key_goes_below_its_section(void **state)
{
    (void)state;
    check_edit("# x\n[integration] ; here\nplugin = a\n[settings]\nenabled = mine\n", false,
               "# x\n[integration] ; here\nenabled = no\nplugin = a\n[settings]\nenabled = mine\n");
    check_edit("[integration]", false, "[integration]\nenabled = no\n");
    check_edit("[integration]\r\nplugin = a\r\n", true,
               "[integration]\r\nenabled = yes\r\nplugin = a\r\n");
}

static void what_is_not_sure_is_left_alone(void **state)
{
    (void)state;
    check_edit("", true, NULL);
    check_edit("[select]\nenabled = yes\n", true, NULL);
    check_edit("[integration]\nenabled = yes\nenabled = no\n", true, NULL);
    check_edit("[integration]\n[select]\n[integration]\n", false, NULL);
    check_edit("[integration]\nenabled = yes\nnonsense\n", false, NULL);
}

static void check_set(const char *text, const char *section, const char *key, const char *value,
                      const char *expected)
{
    const struct config_edit edit = {section, key, value};
    _buf_ struct buf out = {0};
    struct err err = {0};
    int status = config_edit_text(str_of(text), &edit, 1, &out, &err);

    if (expected == NULL) {
        assert_true(status == E_USAGE || status == E_REFUSED);
        assert_int_equal(out.len, 0);
        return;
    }
    if (status < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&out).ptr, expected);
}

static void any_value_goes_where_it_belongs(void **state)
{
    (void)state;
    check_set("[a]\nx = 1\n; c\n[b]\nx = 2 ; two\n", "b", "x", "three four",
              "[a]\nx = 1\n; c\n[b]\nx = three four ; two\n");
    check_set("[a]\nx = 1", "b", "y", "2", "[a]\nx = 1\n\n[b]\ny = 2\n");
    check_set("", "a", "x", "1", "[a]\nx = 1\n");
    check_set("[a]\nx = 1\n", "a", "y", "one\ntwo", "[a]\ny = one\n    two\nx = 1\n");
    check_set("[a]\n  x = 1 ; c\ny = 2\n", "a", "x", "one\ntwo",
              "[a]\n  x = one\n      two\ny = 2\n");
    check_set("[a]\nx = 1\n   2\ny = 3\n", "a", "x", NULL, "[a]\ny = 3\n");
    check_set("[a]\ny = 3\n", "a", "x", NULL, "[a]\ny = 3\n");
    check_set("[a]\nx = \"a ; b\" ; c\n", "a", "x", "\"d ; e\"", "[a]\nx = \"d ; e\" ; c\n");
    check_set("[a]\nx = y=z\n", "a", "x", "b=c", "[a]\nx = b=c\n");
}

static void a_value_cannot_become_more(void **state)
{
    (void)state;
    check_set("[a]\n", "a", "x", "1\n[b]\ny = 2", "[a]\nx = 1\n    [b]\n    y = 2\n");
    check_set("[a]\n", "a", "x", "1 ; 2", NULL);
    check_set("[a]\n", "a", "x", "1\n; 2", NULL);
    check_set("[a]\n", "a", "x", "1\n\n2", NULL);
    check_set("[a]\n", "a", "x", " 1", NULL);
    check_set("[a]\n", "a", "x", "1\r2", NULL);
    check_set("[a]\n", "a", "x", "\x01", NULL);
    check_set("[a]\n", "a", "x = 1\ny", "2", NULL);
    check_set("[a]\n", "a]\n[b", "x", "2", NULL);
    check_set("[a]\n", "a", "", "2", NULL);
    check_set("[a]\n", "", "x", "2", NULL);
    check_set("[a]\nnonsense\n", "a", "x", "2", NULL);
    check_set("[a]\n[a]\n", "a", "x", "2", NULL);
}

static void check_sections(const char *text, const char *json, const char *expected)
{
    _buf_ struct buf out = {0};
    struct err err = {0};
    int status = config_edit_sections(str_of(text), str_of(json), &out, &err);

    if (expected == NULL) {
        assert_true(status == E_USAGE || status == E_SYNTAX);
        assert_int_equal(out.len, 0);
        return;
    }
    if (status < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&out).ptr, expected);
}

static void sections_become_an_ini(void **state)
{
    (void)state;
    check_sections(
        "", "{\"b\":{\"z\":[1,\"two\",true]},\"integration\":{\"p\":\"q\\u00fc\",\"n\":-1.5}}",
        "[integration]\np = q\xc3\xbc\nn = -1.5\n\n[b]\nz = 1, two, yes\n");
    check_sections("; c\n[a]\nx = 1 ; d\ny = 2\n", "{\"a\":{\"x\":false,\"y\":null}}",
                   "; c\n[a]\nx = no ; d\n");
    check_sections("[a]\n", "{}", "[a]\n");
    check_sections("", "[]", NULL);
    check_sections("", "{", NULL);
    check_sections("", "{\"a\":1}", NULL);
    check_sections("", "{\"a\":{\"x\":{}}}", NULL);
    check_sections("", "{\"a\":{\"x\":[[1]]}}", NULL);
}

static void a_file_keeps_its_mode_and_its_link(void **state)
{
    struct conf *conf = *state;
    const char *path = conf_write(conf, "real", "[integration]\nenabled = yes\n", 0640);
    _free_ char *link = file_join(conf->dir, "x.ini");
    _buf_ struct buf text = {0};
    struct err err = {0};
    struct stat info;

    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(config_edit_enabled(link, false, &err), 0);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(link, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(file_read(path, 100, &text, &err), 0);
    assert_string_equal(text.ptr, "[integration]\nenabled = no\n");
    assert_true(config_edit_enabled("/nowhere/x.ini", false, &err) < 0);
    assert_non_null(strstr(err.text, "/nowhere/x.ini"));
}

static void differences_are_told_by_key(void **state)
{
    struct conf *conf = *state;
    struct err err = {0};
    const char *section;
    const char *key;
    size_t at = 0;

    (void)conf_write(conf, "tenon.ini", "[log]\nlevel = warn\n[store]\ncache = 4MB\n", 0600);
    struct config *one = config_load(conf->dir, NULL, NULL, &err);
    (void)conf_write(conf, "tenon.ini", "[store]\ncache = 8MB\n[log]\nlevel = warn ; same\n", 0600);
    struct config *other = config_load(conf->dir, NULL, NULL, &err);
    assert_false(config_file_same(config_host(one), config_host(other)));
    assert_true(config_file_difference(config_host(one), config_host(other), &at, &section, &key));
    assert_string_equal(section, "store");
    assert_string_equal(key, "cache");
    assert_false(config_file_difference(config_host(one), config_host(other), &at, &section, &key));
    assert_true(config_file_same(config_host(one), config_host(one)));
    config_destroy(one);
    config_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_alone_is_replaced),
        cmocka_unit_test(a_missing_key_goes_below_its_section),
        cmocka_unit_test(what_is_not_sure_is_left_alone),
        cmocka_unit_test(any_value_goes_where_it_belongs),
        cmocka_unit_test(a_value_cannot_become_more),
        cmocka_unit_test(sections_become_an_ini),
        cmocka_unit_test_setup_teardown(a_file_keeps_its_mode_and_its_link, conf_setup,
                                        conf_teardown),
        cmocka_unit_test_setup_teardown(differences_are_told_by_key, conf_setup, conf_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
