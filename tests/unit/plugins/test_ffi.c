/* SPDX-License-Identifier: Apache-2.0
 * The ffi plugin on a library of our own (widths.c), whose functions have every type there is. */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <tenon/actions.h>

enum { DECLARED_MAX = 64 };

static const tenon_plugin *plugin;
static const tenon_actions *capability;
static const char *library;
static tenon_err err;

struct declared {
    tenon_action_list list;
    uint32_t count;
    char names[DECLARED_MAX][64], signatures[DECLARED_MAX][32], parameters[DECLARED_MAX][128],
        rows[DECLARED_MAX][512];
    uint32_t flags[DECLARED_MAX];
};

static int32_t add(tenon_action_list *list, const tenon_action *action)
{
    struct declared *declared = list->ctx;
    uint32_t at = declared->count++;

    snprintf(declared->names[at], 64, "%s", action->name);
    snprintf(declared->signatures[at], 32, "%s", action->signature);
    snprintf(declared->parameters[at], 128, "%s", action->parameters);
    snprintf(declared->rows[at], 512, "%s", action->details);
    declared->flags[at] = action->flags;
    return TENON_OK;
}

/* Settings JSON of the library and these functions, lines separated by \n. */
static const char *settings_of(const char *functions, const char *transform)
{
    static char text[8192];
    char *to = text + snprintf(text, sizeof text,
                               "{\"library\":\"%s\",\"transform\":\"%s\","
                               "\"functions\":\"",
                               library, transform);

    for (; *functions != '\0'; functions++) {
        if (*functions == '"' || *functions == '\n')
            *to++ = '\\';
        *to++ = *functions == '\n' ? 'n' : *functions;
    }
    strcpy(to, "\"}");
    return text;
}

static void *open_with(const char *functions, const char *transform)
{
    void *self = NULL;
    tenon_str settings = tenon_text(settings_of(functions, transform));

    err = fake_err();
    if (plugin->create(NULL, tenon_text("x"), settings, &self, &err) != TENON_OK ||
        plugin->activate(self, &err) != TENON_OK)
        fail_msg("%s", err.message);
    return self;
}

static struct declared *declare(void *self)
{
    static struct declared declared;

    memset(&declared, 0, sizeof declared);
    declared.list = (tenon_action_list){sizeof declared.list, 0, &declared, add};
    assert_int_equal(capability->declare(self, &declared.list, &err), TENON_OK);
    return &declared;
}

/* What function `index` gives for one argument, or its error's words. */
static const char *give(void *self, uint32_t index, const tenon_argument *arguments, uint32_t count)
{
    static char result[512];
    struct fake_text out;

    fake_text_init(&out);
    err = fake_err();
    int32_t status = capability->call(self, index, arguments, count, &out.sink, &err);
    snprintf(result, sizeof result, "%s", status == TENON_OK ? out.bytes : err.message);
    fake_text_finish(&out);
    return result;
}

static void every_width_goes_in_and_out(void **state)
{
    static const struct {
        const char *prototype;
        tenon_argument argument;
        const char *result, *signature, *range;
    } cases[] = {
        {"signed char a_schar(signed char x)", {-128, 0, {"", 0}}, "-128", "I", "-128..127"},
        {"unsigned char a_uchar(unsigned char x)", {255, 0, {"", 0}}, "255", "I", "0..255"},
        {"short a_short(short int x)", {-32768, 0, {"", 0}}, "-32768", "I", "-32768..32767"},
        {"uint16_t a_ushort(uint16_t x)", {65535, 0, {"", 0}}, "65535", "I", "0..65535"},
        {"int an_int(int x)",
         {INT32_MIN, 0, {"", 0}},
         "-2147483648",
         "I",
         "-2147483648..2147483647"},
        {"unsigned a_uint(uint32_t x)",
         {UINT32_MAX, 0, {"", 0}},
         "4294967295",
         "I",
         "0..4294967295"},
        {"long int a_long(long x)", {INT64_MIN, 0, {"", 0}}, "-9223372036854775808", "I", ""},
        {"size_t a_ulong(unsigned long int x)",
         {INT64_MAX, 0, {"", 0}},
         "9223372036854775807",
         "I",
         "0..9223372036854775807"},
        {"int64_t a_llong(long long x)", {-1, 0, {"", 0}}, "-1", "I", ""},
        {"float a_float(float x)", {0, 0.1, {"", 0}}, "0.1", "d", "-3.4028235e38..3.4028235e38"},
        {"double a_double(double x)", {0, 0.1, {"", 0}}, "0.1", "d", ""},
        {"bool a_bool(bool x)", {1, 0, {"", 0}}, "true", "b", ""},
        {"const char *a_text(const char *x)",
         {0, 0, {"\xc3\xa9\"", 3}},
         "\"\xc3\xa9\\\"\"",
         "s",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char row[128];
        void *self = open_with(cases[i].prototype, "");
        const struct declared *declared = declare(self);
        assert_int_equal(declared->count, 1);
        assert_string_equal(declared->signatures[0], cases[i].signature);
        snprintf(row, sizeof row, "\t%s\t\trequired\t", cases[i].range);
        assert_non_null(strstr(declared->rows[0], row));
        assert_string_equal(give(self, 0, &cases[i].argument, 1), cases[i].result);
        plugin->destroy(self);
    }
}

static void what_else_comes_out(void **state)
{
    static const char functions[] =
        "void nothing(void);\n"
        "unsigned long most() read_only # The most\n"
        "void halves(int whole, int *low, short *high, float *ratio)\n"
        "unsigned long sum(const uint8_t *bytes, size_t count = length(bytes))\n"
        "int status(int number) fails != 0 errno\n"
        "int status(int number) fails < 0 as quiet_status destructive\n"
        "char *make(const char *of = \"a, (b)\") freed_by give_back\n"
        "char *make(const char *of) fails == 0 as make_or_fail\n"
        "unsigned count_given_back(void)\n"
        "void fill(char out[4])\n"
        "const char *latin(void)\n"
        "unsigned long sum(const void *bytes, unsigned char count = length(bytes)) as short_sum\n"
        "int many(char text[128], size_t size = length(text), int8_t a, uint16_t b, float c,\n"
        "int64_t d, double e, bool f, uint32_t g, const char *h, const void *i,\n"
        "unsigned char n = length(i))";
    static const char long_text[256];
    const tenon_argument number = {0x12345678, 0, {"", 0}};
    const tenon_argument no_entry = {2, 0, {"", 0}};
    const tenon_argument zero = {0, 0, {"", 0}};
    const tenon_argument text = {0, 0, {"a\0b", 3}};
    const tenon_argument long_bytes = {0, 0, {long_text, sizeof long_text}};
    const tenon_argument all[] = {
        {-5, 0, {"", 0}},         {60000, 0, {"", 0}}, {0, 1.5, {"", 0}},
        {INT64_MIN, 0, {"", 0}},  {0, -2.25, {"", 0}}, {1, 0, {"", 0}},
        {UINT32_MAX, 0, {"", 0}}, {0, 0, {"x", 1}},    {0, 0, {"yz!", 2}},
    };
    void *self = open_with(functions, "");
    const struct declared *declared = declare(self);

    (void)state;
    assert_int_equal(declared->count, 13);
    assert_int_equal(declared->flags[1], TENON_ACTION_READ_ONLY);
    assert_int_equal(declared->flags[5], TENON_ACTION_DESTRUCTIVE);
    assert_string_equal(declared->names[5], "quiet_status");
    assert_string_equal(declared->parameters[2], "whole");
    assert_string_equal(declared->parameters[12], "a,b,c,d,e,f,g,h,i");
    assert_string_equal(declared->rows[6], "of\ttext\t\ta, (b)\t\tchar *\n");
    assert_string_equal(give(self, 0, NULL, 0), "null");
    assert_string_equal(give(self, 1, NULL, 0), "18446744073709551615");
    assert_string_equal(give(self, 2, &number, 1),
                        "{\"result\":null,\"low\":22136,\"high\":4660,\"ratio\":0.1}");
    assert_string_equal(give(self, 3, &text, 1), "195");
    assert_string_equal(give(self, 4, &zero, 1), "0");
    assert_string_equal(give(self, 4, &no_entry, 1),
                        "status returned -1: No such file or directory");
    assert_int_equal(err.code, TENON_E_VALIDATION);
    assert_string_equal(give(self, 5, &no_entry, 1), "status returned -1");
    assert_int_equal(err.code, TENON_E_PERMANENT);
    assert_string_equal(give(self, 6, &text, 1),
                        "parameter 'of': a char * ends at its first NUL, and this text has one in "
                        "it");
    assert_string_equal(give(self, 6, &(tenon_argument){0, 0, {"new", 3}}, 1), "\"new\"");
    assert_string_equal(give(self, 6, &(tenon_argument){0, 0, {"", 0}}, 1), "null");
    assert_string_equal(give(self, 8, NULL, 0), "1");
    assert_string_equal(give(self, 7, &(tenon_argument){0, 0, {"", 0}}, 1), "make returned NULL");
    assert_string_equal(give(self, 9, NULL, 0), "{\"result\":null,\"out\":\"xxx\"}");
    assert_string_equal(give(self, 10, NULL, 0), "byte 2 of the text that came back is no UTF-8");
    assert_string_equal(give(self, 11, &long_bytes, 1),
                        "256 bytes do not fit parameter 'count' (unsigned char)");
    assert_string_equal(give(self, 12, all, 9),
                        "{\"result\":57,\"text\":\"-5 60000 1.5 -9223372036854775808 -2.25 1 "
                        "4294967295 x yz\"}");
    plugin->destroy(self);
}

static void prototypes_are_refused_with_words(void **state)
{
    static const char *const cases[][2] = {
        {"", "expected C prototypes, one a line"},
        {"double", "expected the function's name, came the end of the line"},
        {"cos(double x)", "expected a type, came 'cos'; there are void, char"},
        {"double cos double x)", "expected '(' behind 'cos', came 'double'"},
        {"double cos(double x", "expected ',' or ')' behind parameter 'x'"},
        {"double cos(double)", "expected a name for parameter 1, came ')'"},
        {"double cos(dubble x)", "expected a type, came 'dubble'"},
        {"double cos(double X)", "parameter 'X': a name here is made of a-z 0-9 _"},
        {"int f(int a, int a)", "two parameters are called 'a'"},
        {"int f(int a) sometimes", "expected read_only, destructive, as NAME"},
        {"int f(int a) fails", "expected < N, == N or != N behind 'fails'"},
        {"int f(int a) fails < many", "expected a whole number, came 'many'"},
        {"double f(int a) fails < 0", "'fails' is for functions that return an integer or a text"},
        {"char *f(int a) fails < 0", "of a text there is 'fails == 0' alone"},
        {"int f(int a) errno", "'errno' belongs to 'fails'"},
        {"int f(int a) freed_by free", "'freed_by' is for functions that return a text"},
        {"int f(int a) read_only destructive", "it cannot be read_only and destructive"},
        {"int getName(void)", "and 'getName' is not; write 'as NAME' behind the prototype"},
        {"int f(void a)", "parameter 'a' is void"},
        {"int f(void *a)", "what a void * is for cannot be seen"},
        {"int f(char *a)", "a char * that is written to is a buffer, char a[SIZE]"},
        {"int f(char **a)", "a pointer to a pointer cannot be passed"},
        {"int f(const int *a)", "a pointer to const int cannot be passed"},
        {"int *f(void)", "of returned pointers char * alone can be shown"},
        {"long double f(void)", "a long double cannot be passed"},
        {"int f(int a[4])", "expected a buffer as char a[1 to 65536]"},
        {"int f(char a[70000])", "expected a buffer as char a[1 to 65536]"},
        {"int f(int a = length(b))", "there is no text, bytes or buffer called 'b'"},
        {"int f(double a = length(b))", "parameter 'a': a length is an integer"},
        {"int f(int *a = 3)", "comes out of the function and has no default"},
        {"int f(const char *a = \"b)", "its default has no closing \""},
        {"int f(int a)\nint f(int b)", "two actions are called 'f'"},
        {"int f(int a1,int a2,int a3,int a4,int a5,int a6,int a7,int a8,int a9,int b1,int b2,"
         "int b3,int b4,int b5,int b6,int b7,int b8)",
         "more than 16 parameters"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = fake_err();
        if (plugin->validate(tenon_text(settings_of(cases[i][0], "")), &err) != TENON_E_VALIDATION)
            fail_msg("'%s' was taken", cases[i][0]);
        if (strstr(err.message, cases[i][1]) == NULL || strncmp(err.message, "functions: ", 11))
            fail_msg("'%s' is not in '%s'", cases[i][1], err.message);
    }
    assert_int_equal(plugin->validate(tenon_text(settings_of("int f(int a)", "g")), &err),
                     TENON_E_VALIDATION);
    assert_non_null(strstr(err.message, "transform: 'g' is none of the actions"));
    assert_int_equal(plugin->validate(tenon_text(settings_of("int f(int a)", "f")), &err),
                     TENON_E_VALIDATION);
    assert_non_null(strstr(err.message, "transform: 'f' is not declared read_only"));
}

static void what_a_library_has_not_is_said(void **state)
{
    void *self = NULL;
    tenon_str settings = tenon_text(settings_of("int absent(int a)", ""));

    (void)state;
    assert_int_equal(plugin->create(NULL, tenon_text("x"), settings, &self, &err), TENON_OK);
    assert_int_equal(plugin->activate(self, &err), TENON_E_VALIDATION);
    assert_non_null(strstr(err.message, "has no function 'absent'; nm -D"));
    plugin->destroy(self);
}

static void records_get_fields(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "the record has no 'number', which is a parameter"},
        {"{\"number\":\"1\"}", "the record's 'number' cannot be passed as short"},
        {"{\"number\":40000}", "the record's 'number' cannot be passed as short"},
        {"{\"number\":1.5}", "the record's 'number' cannot be passed as short"},
        {"{\"number\":1,\"on\":\"yes\"}", "the record's 'on' cannot be passed as bool"},
        {"{\"number\":1,\"title\":5}", "the record's 'title' cannot be passed as char *"},
        {"{\"number\":1,\"a_short\":5}", "the record has a field 'a_short' already"},
        {"[1]", "the record's data is no JSON object"},
        {"{\"number\":-7}", "{\"number\":-7,\"a_short\":-7,\"a_text\":\"none\",\"a_bool\":true}"},
        {" {\"title\":\"\\u00e9\", \"on\":false,\"number\":1 } ",
         "{\"title\":\"\\u00e9\", \"on\":false,\"number\":1,\"a_short\":1,\"a_text\":\"\xc3\xa9\","
         "\"a_bool\":false}"},
    };
    void *self = open_with("short a_short(short number) read_only\n"
                           "const char *a_text(const char *title = none) read_only\n"
                           "bool a_bool(bool on = true) read_only",
                           "a_short, a_text, a_bool");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_text out;
        tenon_record record = fake_record("e", cases[i][0]);
        fake_text_init(&out);
        err = fake_err();
        int32_t status = plugin->transformer->transform(self, &record, &out.sink, &err);
        assert_int_equal(status, cases[i][1][0] == '{' ? TENON_OK : TENON_E_VALIDATION);
        if (strstr(status == TENON_OK ? out.bytes : err.message, cases[i][1]) == NULL)
            fail_msg("'%s' came", status == TENON_OK ? out.bytes : err.message);
        fake_text_finish(&out);
    }
    plugin->destroy(self);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_goes_in_and_out),
        cmocka_unit_test(what_else_comes_out),
        cmocka_unit_test(prototypes_are_refused_with_words),
        cmocka_unit_test(what_a_library_has_not_is_said),
        cmocka_unit_test(records_get_fields),
    };

    if (argc < 3)
        return 1;
    plugin = fake_host_load(argv[1]);
    library = realpath(argv[2], NULL);
    capability = plugin->get_capability(TENON_ACTIONS_1);
    return capability == NULL || library == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
