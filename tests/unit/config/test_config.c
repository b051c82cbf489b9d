/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "check.h"

#include "base/json.h"
#include "base/secret.h"
#include "config/config_errors.h"

#include <tenon/tenon.h>

/* clang-format off */
static const char hook_rows[] =
    TENON_OPTION("path", "text", "", "/in", "", "Where to.")
    TENON_OPTION("room", "text", "", "", "required", "Which room.")
    TENON_OPTION("count", "integer", "1..9", "3", "", "")
    TENON_OPTION("share", "number", "0..1", "0.5", "", "")
    TENON_OPTION("loud", "boolean", "", "no", "", "")
    TENON_OPTION("wait", "duration", "", "2s", "", "")
    TENON_OPTION("room_bytes", "size", "", "4KB", "", "")
    TENON_OPTION("pin", "text", "", "", "secret", "A secret.");
/* clang-format on */

/* The plugins of these tests: hook (HTTP), sql (needs the network), broken (its table is damaged).
 */
static bool options(void *user, const char *plugin, struct config_plugin_facts *out,
                    const char **out_problem)
{
    (void)user;
    *out = (struct config_plugin_facts){str_of(hook_rows), strcmp(plugin, "sql") == 0};
    if (strcmp(plugin, "broken") == 0)
        out->settings = STR("a\tb\n");
    if (strcmp(plugin, "plain") == 0)
        out->settings = STR("");
    *out_problem = "there is no such plugin here; there are: hook, sql";
    return strcmp(plugin, "nothere") != 0;
}

static void nothing_there_is_all_defaults(void **state)
{
    struct conf *conf = *state;

    conf_load(conf, options);
    assert_no_messages(conf);
    const struct config_file *host = config_host(conf->config);
    assert_int_equal(config_file_count(conf->config), 0);
    assert_string_equal(config_text(host, "store", "sync"), "full");
    assert_int_equal(config_integer(host, "api", "max_body"), 16 << 20);
    assert_int_equal(config_integer(host, "store", "cache"), 4 << 20);
    assert_string_equal(config_text(host, "api", "listen"), "");
    assert_false(config_is_set(host, "log", "level"));
    assert_int_equal(config_file_kind(host), CONFIG_HOST);
    struct err err = {0};
    assert_null(config_load("/nonexistent/conf.d", options, NULL, &err));
    assert_string_equal(
        err.text,
        "cannot read the configuration directory '/nonexistent/conf.d': No such file or directory");
}

static void values_are_read(void **state)
{
    struct conf *conf = *state;
    const struct config_file *file = conf_one(conf,
                                              "[integration]\n"
                                              "plugin = hook\n"
                                              "base_url = https://example.com/a\n"
                                              "timeout = 5s ; quick\n"
                                              "allow_hosts = a.example, b.example:8080\n"
                                              "enabled = no\n"
                                              "[select]\n"
                                              "where = .price > 10            ; a jq expression\n"
                                              "[transform]\n"
                                              "jq = {\n"
                                              "    title: .title,\n"
                                              "    text: \"a ; b\"\n"
                                              "    }\n"
                                              "[headers]\n"
                                              "X-One = 1\n"
                                              "X-Two = a b\n"
                                              "[metadata]\n"
                                              "owner = me\n"
                                              "[settings]\n"
                                              "room = 7\n",
                                              options);
    const char *key;
    const char *value;
    struct str rest;
    struct str item;

    assert_no_messages(conf);
    assert_true(config_file_is_valid(file));
    assert_string_equal(config_file_name(file), "x");
    assert_string_equal(config_text(file, "integration", "base_url"), "https://example.com/a");
    assert_int_equal(config_integer(file, "integration", "timeout"), 5000);
    assert_int_equal(config_line(file, "integration", "timeout"), 4);
    assert_false(config_is_true(file, "integration", "enabled"));
    assert_true(config_is_true(file, "integration", "verify_tls"));
    assert_int_equal(config_integer(file, "retry", "max_attempts"), 12);
    assert_string_equal(config_text(file, "select", "selector"), "changed");
    assert_string_equal(config_text(file, "select", "where"), ".price > 10");
    assert_string_equal(config_text(file, "transform", "jq"),
                        "{\ntitle: .title,\ntext: \"a ; b\"\n}");
    assert_true(config_pair(file, "headers", 1, &key, &value));
    assert_string_equal(key, "X-Two");
    assert_string_equal(value, "a b");
    assert_false(config_pair(file, "headers", 2, &key, &value));
    assert_true(config_pair(file, "metadata", 0, &key, &value));
    assert_string_equal(value, "me");
    rest = str_of(config_text(file, "integration", "allow_hosts"));
    assert_true(config_list_next(&rest, &item));
    assert_true(str_is(item, "a.example"));
    assert_true(config_list_next(&rest, &item));
    assert_true(str_is(item, "b.example:8080"));
    assert_false(config_list_next(&rest, &item));
}

static void settings_become_json(void **state)
{
    struct conf *conf = *state;

    setenv("TENON_TEST_PIN", "1234\"5", 1);
    const struct config_file *file =
        conf_one(conf,
                 "[integration]\nplugin = hook\n[settings]\nroom = \"a\"\nshare = .25\nloud = "
                 "yes\npin = ${env:TENON_TEST_PIN}\n",
                 options);
    assert_no_messages(conf);
    const char *json = config_settings_json(file);
    assert_int_equal(json_check(str_of(json), NULL), 0);
    assert_string_equal(
        json, "{\"path\":\"/in\",\"room\":\"\\\"a\\\"\",\"count\":3,\"share\":0.25,\"loud\":true,"
              "\"wait\":2000,\"room_bytes\":4096,\"pin\":null}");
    file = conf_one(conf,
                    "[integration]\nplugin = sql\nallow_net = yes\n[settings]\nroom = 1\npin = "
                    "${env:TENON_TEST_PIN}\n",
                    options);
    assert_no_messages(conf);
    assert_non_null(strstr(config_settings_json(file), "\"pin\":\"1234\\\"5\"}"));
    file = conf_one(conf, "[integration]\nplugin = hook\n[settings]\nany = thing\n", NULL);
    assert_no_messages(conf);
    assert_string_equal(config_settings_json(file), "{\"any\":\"thing\"}");
}

/* Every complaint that one file can bring about: the text of the file, and the line that must come
 * out. */
static const struct complaint {
    const char *text, *wanted;
} complaints[] = {
    {"[integration]\nplugin = hook\nplugni = x\n",
     "x.ini:3 C013 [integration] plugni: not a known key; did you mean 'plugin'?"},
    {"[integration]\nplugin = hook\n[selct]\n",
     "x.ini:3 C008 [selct] is not a known section; did you mean [select]?"},
    {"[integration]\nplugin = hook\n[zzzzzzzzzz]\n",
     "x.ini:3 C008 [zzzzzzzzzz] is not a known section; there are: [integration], "},
    {"[integration]\nplugin = hook\n[cache]\n",
     "x.ini:3 C009 [cache] is not supported by this version"},
    {"[pipeline]\nsource = x\n", "x.ini:1 C009 [pipeline] is not supported by this version"},
    {"[select]\ntype = x\n",
     "x.ini:1 C010 expected [integration] as the first section, [select] came"},
    {"", "x.ini:0 C010 expected [integration] as the first section; the file has no section"},
    {"[integration]\nplugin = hook\n[retry]\n[retry]\n",
     "x.ini:4 C011 [retry] is there already, on line 3: put the keys together"},
    {"[integration]\nplugin = hook\n[retry]\nmax_attempts = three\n",
     "x.ini:4 C012 [retry] max_attempts: 'three' is not a number (1 to 100)"},
    {"[integration]\nplugin = hook\nconcurrency = 0\n",
     "x.ini:3 C012 [integration] concurrency: '0' is out of range (1 to 1000)"},
    {"[integration]\nplugin = hook\nisolation = proces\n",
     "x.ini:3 C012 [integration] isolation: 'proces' is not one of worker,inprocess"},
    {"[integration]\nplugin = hook\nplugin = sql\n",
     "x.ini:3 C014 [integration] plugin: is set already, on line 2"},
    {"[integration]\nenabled = yes\n",
     "x.ini:1 C015 [integration] plugin is required: The plugin that serves"},
    {"[integration]\nplugin =\n", "x.ini:2 C015 [integration] plugin is required"},
    {"[integration]\nplugin = hook\n[settings]\n",
     "x.ini:3 C015 [settings] room is required: Which room."},
    {"[integration]\nplugin = hook\n[auth]\ntype = bearer\ntoken = hunter2\n",
     "x.ini:5 C016 [auth] token: a secret in plain text: write token = ${env:NAME}"},
    {"[integration]\nplugin = hook\nbase_url = ${evn:X}\n",
     "x.ini:3 C017 [integration] base_url: '${evn:X}' is not a reference"},
    {"[integration]\nplugin = hook\nbase_url = ${env:X\n",
     "x.ini:3 C017 [integration] base_url: a ${ without its }"},
    {"[integration]\nplugin = hook\nbase_url = ${file:x}\n",
     "C017 [integration] base_url: ${file:x} must name an absolute path"},
    {"[integration]\nplugin = hook\nbase_url = ${env:TENON_TEST_NOT_SET}\n",
     "x.ini:3 C018 [integration] base_url: the environment has no TENON_TEST_NOT_SET"},
    {"[integration]\nplugin = hook\nbase_url = ${file:/nonexistent/x}\n",
     "x.ini:3 C018 [integration] base_url: cannot open"},
    {"[integration]\nplugin = hook\nbase_url = ${cred:x}\n",
     "x.ini:3 C018 [integration] base_url: ${cred:x} needs a systemd"},
    {"[integration]\nplugin = hook\n[auth]\ntype = api_key\n",
     "x.ini:4 C020 [auth] type = api_key needs 'key', for instance key = ${env:NAME}"},
    {"[integration]\nplugin = hook\n[auth]\ntype = basic\n",
     "C020 [auth] type = basic needs 'username'"},
    {"[integration]\nplugin = hook\n[auth]\ntype = basic\n",
     "C020 [auth] type = basic needs 'password', for instance"},
    {"[integration]\nplugin = hook\n[signature]\nscheme = standard-webhooks\n",
     "x.ini:4 C020 [signature] scheme = standard-webhooks needs 'secret'"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = github\n",
     "x.ini:4 C020 [hook] scheme = github needs 'secret', for instance secret = ${env:NAME}"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = github\nsecret = hunter2\n",
     "x.ini:5 C016 [hook] secret: a secret in plain text"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = none\n",
     "x.ini:4 C020 [hook] scheme = none takes what anybody sends"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = none\nunsigned = yes\nsecret = "
     "${env:HOME}\n",
     "x.ini:6 warning C026 [hook] secret has no effect with scheme = none"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = twilio\nsecret = ${env:HOME}\n",
     "x.ini:4 C020 [hook] scheme = twilio needs 'url'"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nsecret = ${env:HOME}\n",
     "x.ini:4 C020 [hook] scheme = hmac needs 'header'"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = X\nsigned = {id}\n",
     "x.ini:6 C012 [hook] signed: '{id}' leaves {body} out"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = X\nsigned = {id}{body}\n",
     "x.ini:6 C020 [hook] signed: {id} needs 'id_header'"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = X\nsigned = {body}{boy}\n",
     "x.ini:6 C012 [hook] signed: {boy} is none of {body}, {timestamp}, {id} and {url}"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = X\nsigned = {body}{\n",
     "x.ini:6 C012 [hook] signed: a { without its }"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = X\ntimestamp_header = T\n",
     "x.ini:6 C020 [hook] timestamp_header: 'signed' leaves {timestamp} out"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = hmac\nheader = a b\n",
     "x.ini:5 C025 [hook] header: 'a b' is not a header name"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = stripe\nencoding = hex\n",
     "x.ini:5 warning C026 [hook] encoding has no effect: it belongs to scheme = hmac, and scheme "
     "is stripe"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = stripe\ntolerance = 1h\ndeduplicate = 10m\n",
     "x.ini:5 C020 [hook] tolerance (1h) is longer than deduplicate (10m)"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = slack\nsecret = "
     "${env:HOOK_SECRET}\ndeduplicate_by = signature\n",
     "x.ini:6 C020 [hook] deduplicate_by = signature: scheme = slack signs the time"},
    {"[integration]\nplugin = hook\n[hook]\nscheme = none\nunsigned = yes\n"
     "deduplicate_by = signature\n",
     "x.ini:6 C020 [hook] deduplicate_by = signature: with scheme = none nothing is signed"},
    {"[integration]\nplugin = hook\n[retry]\nbase = 10m\nmax = 1m\n",
     "x.ini:5 C020 [retry] base (10m) is longer than max (1m)"},
    {"[integration]\nplugin = hook\n[breaker]\nopen = 10m\n",
     "x.ini:4 C020 [breaker] open (10m) is longer than open_max (1m)"},
    {"[integration]\nplugin = hook\n[breaker]\nratio = 50\n", "x.ini:4 C012 [breaker] ratio: "},
    {"[integration]\nplugin = hook\n[rate_limit]\nrate = 100\n",
     "x.ini:4 C012 [rate_limit] rate: '100' is not a number of requests per time, such as 100/s"},
    {"[integration]\nplugin = hook\n[rate_limit]\nburst = 5\n",
     "x.ini:4 warning C026 [rate_limit] burst has no effect without a rate"},
    {"[integration]\nplugin = nothere\n",
     "x.ini:2 C021 [integration] plugin: there is no such plugin here"},
    {"[integration]\nplugin = sql\n[settings]\nroom = 1\n",
     "x.ini:2 C022 [integration] plugin 'sql' opens network connections by itself"},
    {"plugin = hook\n[integration]\n",
     "x.ini:1 C023 plugin: this key stands before the first [section]"},
    {"[integration]\nplugin = broken\n",
     "x.ini:2 C024 [integration] plugin 'broken' has a damaged table of settings: expected 6"},
    {"[integration]\nplugin = hook\n[headers]\nBad Name = 1\n",
     "x.ini:4 C025 [headers] Bad Name: not a header name"},
    {"[integration]\nplugin = hook\n[headers]\nContent-Length = 1\n",
     "x.ini:4 C025 [headers] Content-Length: not a header"},
    {"[integration]\nplugin = hook\n[headers]\nX-A = 1\n  X-B: 2\n",
     "x.ini:4 C025 [headers] X-A: a header's value is one line"},
    {"[integration]\nplugin = hook\n[headers]\nx-a = 1\nX-A = 2\n",
     "x.ini:5 C014 [headers] X-A: is set already, on line 4"},
    {"[integration]\nplugin = hook\n[headers]\nauthorization = Bearer x\n",
     "x.ini:4 C016 [headers] authorization: a secret"},
    {"[integration]\nplugin = hook\n[metadata]\na b = 1\n",
     "x.ini:4 C025 [metadata] a b: a key here is made of letters"},
    {"[integration]\nplugin = hook\nallow_net = yes\n",
     "x.ini:3 warning C026 [integration] allow_net has no effect"},
    {"[integration]\nplugin = hook\n[auth]\nusername = me\n",
     "x.ini:4 warning C026 [auth] username has no effect: it belongs to type = basic, and type is "
     "none"},
    {"[integration]\nplugin = hook\nallow_hosts = https://a\n",
     "C012 [integration] allow_hosts: 'https://a' is not a host"},
    {"[integration]\nplugin = hook\nallow_paths = tmp\n",
     "C012 [integration] allow_paths: 'tmp' is not an absolute path"},
    {"[integration]\nplugin = hook\nsha256 = 12\n",
     "C012 [integration] sha256: '12' is not 64 hex digits"},
    {"[integration]\nplugin = hook\n[settings]\nroom = 1\nconut = 3\n",
     "C013 [settings] conut: not a known key; did you mean 'count'?"},
    {"[integration]\nplugin = plain\n[settings]\nroom = 1\n",
     "C013 [settings] room: the plugin has no settings"},
    {"[integration]\nplugin = hook\n[settings]\nroom = 1\ncount = 10\n",
     "C012 [settings] count: '10' is out of range (1 to 9)"},
    {"[integration\n", "x.ini:1 C006 a section is written [name]; the ']' is missing"},
    {"[integration]\nplugin = \x01\n", "x.ini:2 C004 a control character; expected plain text"},
};

static void every_mistake_is_named(void **state)
{
    struct conf *conf = *state;

    unsetenv("CREDENTIALS_DIRECTORY");
    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++) {
        const struct config_file *file = conf_one(conf, complaints[i].text, options);
        assert_message(conf, complaints[i].wanted);
        assert_non_null(file);
        if (strstr(complaints[i].wanted, "warning") == NULL)
            assert_false(config_file_is_valid(file));
        /* Whatever is wrong, each key of the schema can be asked for. */
        assert_int_equal(config_integer(file, "integration", "concurrency"), 16);
    }
}

/* A secret that is there and refused is not said to be missing as well. */
static void one_mistake_is_named_once(void **state)
{
    static const char *const texts[] = {
        "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = hunter2\n",
        "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = ${env:TENON_NOT_SET}\n",
        "[integration]\nplugin = plain\n[hook]\nscheme = github\nsecret = ${env:TENON_NOT_SET}\n",
    };
    struct conf *conf = *state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        (void)conf_one(conf, texts[i], options);
        assert_int_equal(config_error_count(conf->config), 1);
    }
}

static void host_mistakes_are_named(void **state)
{
    static const struct complaint host[] = {
        {"[api]\nlisten = 0.0.0.0:80\nwithout_token = read\n",
         "tenon.ini:3 C012 [api] without_token: '0.0.0.0' is reachable from other machines"},
        {"[api]\ntls_key = /a\n",
         "tenon.ini:2 C012 [api] tls_key: a certificate needs its key, and a key its certificate"},
        {"[api]\ntls_client_ca = /a\n", "tenon.ini:2 C012 [api] tls_client_ca: certificates are"},
        {"[api]\ntls_certificate = /a\ntls_key = /b\n",
         "tenon.ini:2 C012 [api] tls_certificate: nothing listens"},
        {"[api]\nlisten = 8642\n", "tenon.ini:2 C012 [api] listen: '8642' is not ADDRESS:PORT"},
        {"[api]\nlisten = 127.0.0.1:70000\n", "listen: '127.0.0.1:70000' is not ADDRESS:PORT"},
        {"[api]\nlisten = ::1:80\n", "[api] listen: '::1' is not a numeric address"},
        {"[api]\nlisten = [::1:80\n", "[api] listen: '[::1' is not a numeric address"},
        {"[api]\nlisten = 127.a.com:80\n", "[api] listen: '127.a.com' is not a numeric address"},
        {"[host]\nplugin_path = /a:b\n",
         "tenon.ini:2 C012 [host] plugin_path: 'b' is not an absolute path"},
        {"[store]\nurl = here\n", "tenon.ini:2 C012 [store] url: 'here' is not KIND:PLACE"},
        {"[log]\nlevel = loud\n",
         "tenon.ini:2 C012 [log] level: 'loud' is not one of error,warn,info,debug"},
        {"[integration]\n",
         "tenon.ini:1 C008 [integration] is not a known section; there are: [host], [store]"},
        {"[api]\nsocket = "
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaa"
         "aaaaaaa\n",
         "C012 [api] socket: 115 characters, the system takes at most 107"},
    };
    struct conf *conf = *state;

    for (size_t i = 0; i < sizeof host / sizeof *host; i++) {
        (void)conf_write(conf, "tenon.ini", host[i].text, 0644);
        conf_load(conf, options);
        assert_message(conf, host[i].wanted);
    }
    (void)conf_write(conf, "tenon.ini", "[api]\nlisten = [::1]:8642\n", 0644);
    conf_load(conf, options);
    assert_no_messages(conf);
}

static void all_errors_of_all_files_in_order(void **state)
{
    struct conf *conf = *state;

    (void)conf_write(conf, "b.ini", "[integration]\nplugin = plain\nconcurrency = x\nenabled = 7\n",
                     0644);
    (void)conf_write(conf, "a.ini", "[integration]\nplugin = plain\nfoo = 1\n[select]\nbar = 1\n",
                     0644);
    (void)conf_write(conf, "Bad_Name.ini", "[integration]\nplugin = plain\n", 0644);
    (void)conf_write(conf, "status.ini", "[integration]\nplugin = plain\n", 0644);
    (void)conf_write(conf, "good.ini", "[integration]\nplugin = plain\n", 0644);
    (void)conf_write(conf, ".hidden.ini", "rubbish", 0644);
    (void)conf_write(conf, "good.ini~", "rubbish", 0644);
    conf_load(conf, options);
    assert_int_equal(config_error_count(conf->config), 6);
    assert_int_equal(config_message_count(conf->config), 6);
    const char *order[] = {"Bad_Name.ini:0 C005", "\na.ini:3 C013", "\na.ini:5 C013",
                           "\nb.ini:3 C012",      "\nb.ini:4 C012", "\nstatus.ini:0 C005"};
    const char *at = conf->messages;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    assert_int_equal(config_file_count(conf->config), 5);
    assert_true(config_file_is_valid(config_find(conf->config, "good")));
    assert_false(config_file_is_valid(config_find(conf->config, "b")));
    assert_null(config_find(conf->config, ".hidden"));
}

static void unreadable_files_are_told(void **state)
{
    struct conf *conf = *state;
    char path[128];
    _free_ char *large = malloc(1024 * 1024 + 2);

    memset(large, '#', 1024 * 1024 + 1);
    large[1024 * 1024 + 1] = '\0';
    (void)conf_write(conf, "large.ini", large, 0644);
    (void)snprintf(path, sizeof path, "%s/folder.ini", conf->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    conf_load(conf, options);
    assert_message(conf, "large.ini:0 C002 ");
    assert_message(conf, "folder.ini:0 C001 expected a regular file");
    assert_false(config_file_is_valid(config_find(conf->config, "folder")));
    assert_string_equal(config_text(config_find(conf->config, "large"), "select", "selector"),
                        "changed");
}

static void references_lead_to_values(void **state)
{
    struct conf *conf = *state;
    char text[1024];

    setenv("TENON_TEST_HOST", "example.com", 1);
    setenv("CREDENTIALS_DIRECTORY", conf->dir, 1);
    (void)conf_write(conf, "cred", "opensesame\n", 0600);
    const char *path = conf_write(conf, "key", "keyword-of-file\r\n", 0600);
    (void)snprintf(
        text, sizeof text,
        "[integration]\nplugin = plain\nbase_url = "
        "https://${env:TENON_TEST_HOST}/$${x}\n[auth]\ntype = basic\n"
        "username = ${file:%s}\npassword = ${cred:cred}\n[headers]\nX-Key = Key ${cred:cred}\n"
        "[metadata]\nlink = /?key=${cred:cred}\n",
        path);
    const struct config_file *file = conf_one(conf, text, options);
    assert_no_messages(conf);
    assert_string_equal(config_text(file, "integration", "base_url"), "https://example.com/${x}");
    assert_string_equal(config_text(file, "auth", "username"), "keyword-of-file");
    assert_string_equal(config_text(file, "auth", "password"), "opensesame");
    _buf_ struct buf masked = {0};
    secret_mask(STR("got opensesame."), &masked);
    assert_string_equal(masked.ptr, "got ********.");
    _buf_ struct buf shown = {0};
    config_show(file, false, &shown);
    assert_null(strstr(shown.ptr, "opensesame"));
    assert_non_null(strstr(shown.ptr, "password = ********\n"));
    assert_non_null(strstr(shown.ptr, "X-Key = ********\n"));
    assert_non_null(strstr(shown.ptr, "link = /?key=********\n"));
    assert_non_null(strstr(shown.ptr, "base_url = https://example.com/$${x}\n"));
    assert_null(strstr(shown.ptr, "max_attempts"));
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void secret_files_open_to_others(void **state)
{
    struct conf *conf = *state;
    char text[512];
    const char *path = conf_write(conf, "key", "opensesame", 0644);

    (void)snprintf(text, sizeof text,
                   "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = ${file:%s}\n",
                   path);
    const struct config_file *file = conf_one(conf, text, options);
    assert_message(conf, "x.ini:5 warning C019 [auth] token: anyone may read the secret in ");
    assert_true(config_file_is_valid(file));
    (void)conf_write(conf, "key", "opensesame", 0666);
    file = conf_one(conf, text, options);
    assert_message(conf, "x.ini:5 C019 [auth] token: anyone may write to ");
    assert_false(config_file_is_valid(file));
}

static void plain_secrets_by_permission_only(void **state)
{
    static const char text[] =
        "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = ${sk_live_hunter2}\n";
    struct conf *conf = *state;

    (void)conf_one(conf, "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = hunter2\n",
                   options);
    assert_null(strstr(conf->messages, "hunter2"));
    (void)conf_one(conf, text, options);
    assert_null(strstr(conf->messages, "hunter2"));
    (void)conf_write(conf, "tenon.ini", "[host]\nplain_secrets = yes\n", 0644);
    const struct config_file *file = conf_one(
        conf, "[integration]\nplugin = plain\n[auth]\ntype = bearer\ntoken = hunter2\n", options);
    assert_no_messages(conf);
    assert_string_equal(config_text(file, "auth", "token"), "hunter2");
}

static void empty_references_are_no_value(void **state)
{
    struct conf *conf = *state;

    setenv("TENON_TEST_EMPTY", "", 1);
    (void)conf_one(conf, "[integration]\nplugin = ${env:TENON_TEST_EMPTY}\n", options);
    assert_message(
        conf, "x.ini:2 C018 [integration] plugin: is required, and the reference leads to nothing");
}

static void what_references_hold_is_not_quoted(void **state)
{
    struct conf *conf = *state;

    setenv("TENON_TEST_SECRET", "hunter2", 1);
    (void)conf_one(conf,
                   "[integration]\nplugin = plain\nbase_url = ${env:TENON_TEST_SECRET}\n"
                   "concurrency = "
                   "${env:TENON_TEST_SECRET}\n",
                   options);
    assert_int_equal(config_error_count(conf->config), 2);
    assert_null(strstr(conf->messages, "hunter2"));
}

static void webhook_secrets(void **state)
{
    struct conf *conf = *state;
    static const char text[] = "[integration]\nplugin = plain\n[signature]\nscheme = "
                               "standard-webhooks\nsecret = ${env:TENON_TEST_WH}\n";

    setenv("TENON_TEST_WH", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
    (void)conf_one(conf, text, options);
    assert_no_messages(conf);
    setenv("TENON_TEST_WH", "whsec_!!", 1);
    (void)conf_one(conf, text, options);
    assert_message(
        conf, "x.ini:5 C012 [signature] secret: begins with whsec_ but is not at least 16 bytes");
    setenv("TENON_TEST_WH", "some plain words", 1);
    (void)conf_one(conf, text, options);
    assert_no_messages(conf);
}

static void examples_load(void **state)
{
    struct conf *conf = *state;
    _buf_ struct buf example = {0};
    _buf_ struct buf uncommented = {0};

    config_example("hook", str_of(hook_rows), false, &example);
    (void)conf_one(conf, example.ptr, options);
    assert_string_equal(conf->messages, strstr(conf->messages, "x.ini"));
    assert_int_equal(config_message_count(conf->config), 1);
    assert_message(conf, "C015 [settings] room is required");
    char *place = strstr(example.ptr, "\nroom =\n");
    assert_non_null(place);
    buf_add(&uncommented, example.ptr, (size_t)(place - example.ptr) + 7);
    buf_puts(&uncommented, " here");
    buf_puts(&uncommented, place + 7);
    (void)conf_one(conf, uncommented.ptr, options);
    assert_no_messages(conf);
    buf_clear(&example);
    config_example("sql", STR(""), true, &example);
    assert_non_null(strstr(example.ptr, "\nallow_net = yes\n"));
    struct str rest = buf_str(&example);
    struct str line;
    while (str_next(&rest, '\n', &line))
        assert_true(line.len <= 100);
}

/* Each commented key, switched on as it stands, is accepted too: the defaults shown are real. */
static void example_defaults_are_values(void **state)
{
    struct conf *conf = *state;
    _buf_ struct buf example = {0};
    _buf_ struct buf active = {0};
    struct str line;

    config_example_host(&example);
    (void)conf_write(conf, "tenon.ini", example.ptr, 0644);
    conf_load(conf, options);
    assert_no_messages(conf);
    buf_clear(&example);
    config_example("hook", str_of(hook_rows), false, &example);
    struct str rest = buf_str(&example);
    while (str_next(&rest, '\n', &line)) {
        const char *equals = line.len > 2 ? memmem(line.ptr, line.len, " =", 2) : NULL;
        bool is_key = str_starts_with(line, "# ") && equals != NULL &&
                      memchr(line.ptr + 2, ' ', (size_t)(equals - line.ptr - 2)) == NULL;
        bool is_empty = is_key && equals + 2 == line.ptr + line.len;
        if (is_key && !is_empty && memmem(line.ptr, line.len, "${", 2) == NULL)
            line = (struct str){line.ptr + 2, line.len - 2};
        buf_add_str(&active, line);
        buf_puts(&active, str_is(line, "room =") ? " 1\n" : "\n");
    }
    const struct config_file *file = conf_one(conf, active.ptr, options);
    assert_int_equal(config_error_count(conf->config), 0);
    assert_true(config_is_set(file, "retry", "max_attempts"));
    assert_true(config_is_set(file, "settings", "count"));
}

static void sample_in_the_tree_is_current(void **state)
{
    const char *source = getenv("TENON_SOURCE");
    _buf_ struct buf example = {0};
    _buf_ struct buf file = {0};
    struct err err = {0};

    (void)state;
    assert_non_null(source);
    _free_ char *path = file_join(source, "conf.d/tenon.ini");
    config_example_host(&example);
    if (file_read(path, 1 << 20, &file, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(file.ptr, example.ptr);
}

static void show_with_defaults(void **state)
{
    struct conf *conf = *state;
    _buf_ struct buf shown = {0};
    const struct config_file *file = conf_one(
        conf, "[integration]\nplugin = plain\n[transform]\njq = {\n  a: 1\n  }\n", options);

    config_show(file, true, &shown);
    assert_non_null(strstr(shown.ptr, "[integration]\nplugin = plain\n# enabled = yes\n"));
    assert_non_null(strstr(shown.ptr, "\n[transform]\njq = {\n    a: 1\n    }\n"));
    assert_non_null(strstr(shown.ptr, "\n[retry]\n# max_attempts = 12\n"));
    (void)conf_one(conf, shown.ptr, options);
    assert_no_messages(conf);
}

static void codes_are_counted_from_one(void **state)
{
    (void)state;
    for (int code = 0; code < CONFIG_CODE_COUNT; code++) {
        char name[16];
        (void)snprintf(name, sizeof name, "C%03d", code + 1);
        assert_string_equal(config_code_name((enum config_code)code), name);
    }
}

static void too_many_files(void **state)
{
    struct conf *conf = *state;
    char name[128];

    for (int i = 0; i < 1002; i++) {
        (void)snprintf(name, sizeof name, "%s/i%04d.ini", conf->dir, i);
        FILE *file = fopen(name, "w");
        assert_non_null(file);
        (void)fputs("[integration]\nplugin = plain\n", file);
        assert_int_equal(fclose(file), 0);
    }
    conf_load(conf, options);
    assert_message(conf, "C003 1002 files; at most 1000 are read");
    assert_int_equal(config_file_count(conf->config), 1000);
}

#define conf_test(test) cmocka_unit_test_setup_teardown(test, conf_setup, conf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        conf_test(nothing_there_is_all_defaults),
        conf_test(values_are_read),
        conf_test(settings_become_json),
        conf_test(every_mistake_is_named),
        conf_test(one_mistake_is_named_once),
        conf_test(host_mistakes_are_named),
        conf_test(all_errors_of_all_files_in_order),
        conf_test(unreadable_files_are_told),
        conf_test(references_lead_to_values),
        conf_test(secret_files_open_to_others),
        conf_test(plain_secrets_by_permission_only),
        conf_test(empty_references_are_no_value),
        conf_test(what_references_hold_is_not_quoted),
        conf_test(webhook_secrets),
        conf_test(examples_load),
        conf_test(example_defaults_are_values),
        cmocka_unit_test(sample_in_the_tree_is_current),
        conf_test(show_with_defaults),
        cmocka_unit_test(codes_are_counted_from_one),
        conf_test(too_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
