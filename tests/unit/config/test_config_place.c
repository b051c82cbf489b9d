/* SPDX-License-Identifier: Apache-2.0
 * Where conf.d, state, store and socket are, and who says so first. */
#include "check.h"

#include <unistd.h>

/* As from a bare `env -i`. root has its place. */
static void a_state_without_a_home_is_told(void **state)
{
    struct conf *conf = *state;
    struct err err = {0};
    uid_t us = geteuid();

    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    unsetenv("STATE_DIRECTORY");
    conf_load(conf, NULL);
    if (us == 0 && seteuid(65534) < 0)
        skip();
    char *dir = config_state_dir(config_host(conf->config), NULL, &err);
    assert_int_equal(us == 0 ? seteuid(0) : 0, 0);
    assert_null(dir);
    assert_non_null(strstr(err.text, "HOME is not set: say [host] state in tenon.ini"));
}

static void places(void **state)
{
    struct conf *conf = *state;

    unsetenv("TENON_STATE");
    setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    conf_load(conf, NULL);
    const struct config_file *host = config_host(conf->config);
    _free_ char *given = config_state_dir(host, "/given", NULL);
    assert_string_equal(given, "/given");
    _free_ char *systemd = config_state_dir(host, NULL, NULL);
    assert_string_equal(systemd, "/var/lib/one");
    setenv("TENON_STATE", "/from/env", 1);
    _free_ char *from_env = config_state_dir(host, NULL, NULL);
    assert_string_equal(from_env, "/from/env");
    _free_ char *url = config_store_url(host, "/s");
    assert_string_equal(url, "sqlite:/s/tenon.db");
    _free_ char *socket = config_socket_path(host, "/s");
    assert_string_equal(socket, "/s/tenon.sock");
    unsetenv("TENON_STATE");
    unsetenv("STATE_DIRECTORY");
    (void)conf_write(conf, "tenon.ini",
                     "[host]\nstate = /ini\n[store]\nurl = memory:\n[api]\nsocket = /a.sock\n",
                     0644);
    conf_load(conf, NULL);
    assert_no_messages(conf);
    host = config_host(conf->config);
    _free_ char *from_ini = config_state_dir(host, NULL, NULL);
    assert_string_equal(from_ini, "/ini");
    _free_ char *other_url = config_store_url(host, "/s");
    assert_string_equal(other_url, "memory:");
    _free_ char *other_socket = config_socket_path(host, "/s");
    assert_string_equal(other_socket, "/a.sock");
    setenv("TENON_CONF", "/env/conf.d", 1);
    _free_ char *dir = config_dir(NULL);
    assert_string_equal(dir, "/env/conf.d");
    _free_ char *given_dir = config_dir("/mine");
    assert_string_equal(given_dir, "/mine");
    unsetenv("TENON_CONF");
    _free_ char *installed = config_dir(NULL);
    assert_non_null(strstr(installed, "/etc/tenon/conf.d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places, conf_setup, conf_teardown),
        cmocka_unit_test_setup_teardown(a_state_without_a_home_is_told, conf_setup, conf_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
