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
    check_edit("[integration]\nenabled = yes\n   of course\n", false, NULL);
    check_edit("[integration]\nenabled = of course\n", false, NULL);
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
        cmocka_unit_test_setup_teardown(a_file_keeps_its_mode_and_its_link, conf_setup,
                                        conf_teardown),
        cmocka_unit_test_setup_teardown(differences_are_told_by_key, conf_setup, conf_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
