/* SPDX-License-Identifier: Apache-2.0 */
#include "main/daemon.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/engine.h"
#include "http/http_client.h"
#include "main/live.h"
#include "main/logging.h"
#include "main/settings.h"
#include "main/starts.h"
#include "main/watch.h"
#include "plugin/plugin.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <tenon/tenon.h>

enum { DRAIN_MS = 10000, PLUGIN_GRACE_MS = 2000 };

struct daemon {
    struct settings settings;
    struct loop *loop;
    struct store *store;
    struct http_client *http;
    struct plugin_host *plugins;
    struct engine *engine;
    struct api *api;
    struct watch *watch;
    struct starts *starts;
    bool is_safe;
    uv_signal_t signals[3];
    size_t signal_count;
    char *worker_path;
    bool is_stopping;
};

/* ---- stopping: from the top down ---- */

static void plugins_stopped(void *user)
{
    struct daemon *daemon = user;

    loop_stop(daemon->loop);
}

static void engine_stopped(void *user)
{
    struct daemon *daemon = user;

    plugin_host_stop(daemon->plugins, PLUGIN_GRACE_MS, plugins_stopped, daemon);
}

static void api_stopped(void *user)
{
    struct daemon *daemon = user;

    engine_stop(daemon->engine, DRAIN_MS, engine_stopped, daemon);
}

/* ---- reloading ---- */

/* Whoever sent the signal reads the log, where each file's line stands. */
static void by_hand(void *user, const struct engine_reload_result *result)
{
    (void)user;
    if (result->status == 0)
        log_info("configuration looked at", F_INT("changed", result->changed),
                 F_INT("refused", result->refused));
}

static void something_changed(void *user)
{
    struct daemon *daemon = user;

    engine_reload(daemon->engine, NULL, NULL);
}

static void watch_places(struct daemon *daemon)
{
    const struct config_file *host = config_host(engine_config(daemon->engine));
    bool is_wanted = config_is_true(host, "host", "watch");

    watch_set(daemon->watch, is_wanted ? engine_conf_dir(daemon->engine) : NULL,
              is_wanted ? catalog_path(engine_catalog(daemon->engine)) : NULL);
}

/* Also when tenon.ini says what it said: certificates are renewed under their old names. */
static void reconfigure_api(struct daemon *daemon)
{
    const struct api_settings settings =
        settings_api(&daemon->settings, config_host(engine_config(daemon->engine)));
    struct err err = {0};

    if (daemon->api != NULL && api_reconfigure(daemon->api, &settings, &err) < 0)
        log_error("the API goes on as it was", F_ERR(&err));
}

static void configured(void *user, const struct config *former)
{
    struct daemon *daemon = user;

    live_apply(config_host(former), config_host(engine_config(daemon->engine)), daemon->store);
    watch_places(daemon);
    reconfigure_api(daemon);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    if (number == SIGHUP) {
        log_info("SIGHUP, looking at the configuration");
        engine_reload(daemon->engine, by_hand, NULL);
        return;
    }
    if (daemon->is_stopping) {
        log_warn("second signal, stopping at once");
        loop_stop(daemon->loop);
        return;
    }
    daemon->is_stopping = true;
    log_info("stopping", F_INT("signal", number));
    api_stop(daemon->api, DRAIN_MS, api_stopped, daemon);
}

/* ---- opening: from the ground up ---- */

static int read_settings(struct daemon *daemon, const struct options *options, struct err *err)
{
    const struct config_file *host;
    int status = settings_load(options->conf, options->state, &daemon->settings, err);

    if (status < 0)
        return status;
    host = config_host(daemon->settings.setup.config);
    daemon->is_safe =
        options->is_safe || (config_file_is_valid(host) && config_is_true(host, "host", "safe"));
    logging_apply(host);
    logging_config_messages(daemon->settings.setup.config);
    if (!config_file_is_valid(host))
        return err_set(err, E_REFUSED, "%s has errors: see the lines above, or `tenond --check`",
                       config_file_path(host));
    return file_make_dirs(daemon->settings.state_dir, 0750, err);
}

/* Each connection is a descriptor; 1024, the usual limit, is for programs that call select. */
static void raise_file_limit(void)
{
    enum { FILES_WANTED = 65536 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* then it stays as it is */
}

/* Producers wait for the answer to what they sent; a delivery keeps nobody waiting. What plugins
 * ask of others over HTTP goes the same way, and steps back with it. */
static bool is_store_awaited(const void *store)
{
    return store_is_awaited(store);
}

static int open_ground(struct daemon *daemon, struct err *err)
{
    const struct config_file *host = config_host(daemon->settings.setup.config);
    const struct store_settings store = {
        .url = daemon->settings.store_url,
        .is_sync_full = strcmp(config_text(host, "store", "sync"), "full") == 0,
        .cache_bytes = config_integer(host, "store", "cache"),
        .reserve_bytes = config_integer(host, "store", "reserve"),
        .retention = settings_retention(host),
    };

    raise_file_limit();
    daemon->loop = loop_create(err);
    if (daemon->loop == NULL)
        return err->code;
    daemon->store = store_open(&store, daemon->loop, err);
    if (daemon->store == NULL)
        return err->code;
    const struct http_precedence precedence = {
        .is_awaited = is_store_awaited,
        .user = daemon->store,
    };
    daemon->http = http_client_create(daemon->loop, &precedence, err);
    return daemon->http != NULL ? 0 : err->code;
}

static void on_ask(void *user, struct plugin_ask *ask)
{
    struct engine *const *engine = user;

    if (*engine != NULL)
        engine_ask(*engine, ask);
    else
        plugin_ask_fail(ask, TENON_E_CANCELLED, "the host is just starting");
}

static int open_engine(struct daemon *daemon, struct err *err)
{
    const struct config_file *host = config_host(daemon->settings.setup.config);
    const char *worker = config_text(host, "host", "worker");
    struct plugin_host_settings plugins = {
        .state_dir = daemon->settings.state_dir,
        .events = logging_plugin_events(&daemon->engine),
    };
    struct engine_rooms rooms;

    plugins.events.ask = on_ask;
    daemon->worker_path =
        worker[0] != '\0' ? str_dup(str_of(worker)) : plugin_worker_default_path();
    if (daemon->worker_path == NULL)
        return err_set(err, -ENOENT, "tenon-worker not found beside tenond; set [host] worker");
    plugins.worker_path = daemon->worker_path;
    daemon->plugins = plugin_host_create(daemon->loop, &plugins, err);
    if (daemon->plugins == NULL)
        return err->code;
    rooms = (struct engine_rooms){
        .loop = daemon->loop,
        .store = daemon->store,
        .http = daemon->http,
        .plugins = daemon->plugins,
        .setup = &daemon->settings.setup,
        .configured = configured,
        .is_safe = daemon->is_safe,
        .user = daemon,
    };
    daemon->engine = engine_create(&rooms, err);
    if (daemon->engine == NULL)
        return err->code;
    daemon->watch = watch_create(daemon->loop, something_changed, daemon, err);
    if (daemon->watch == NULL)
        return err->code;
    watch_places(daemon);
    return 0;
}

static int open_api(struct daemon *daemon, struct err *err)
{
    const struct api_settings settings =
        settings_api(&daemon->settings, config_host(engine_config(daemon->engine)));

    daemon->api = api_create(daemon->loop, daemon->engine, &settings, err);
    return daemon->api != NULL ? 0 : err->code;
}

static int watch_signals(struct daemon *daemon, struct err *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for SIGPIPE */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int status = uv_signal_init(loop_uv(daemon->loop), &daemon->signals[i]);

        if (status == 0) {
            daemon->signal_count++;
            daemon->signals[i].data = daemon;
            status = uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
        }
        if (status < 0)
            return err_set(err, status, "cannot watch signal %d: %s", numbers[i],
                           uv_strerror(status));
    }
    return 0;
}

struct daemon *daemon_open(const struct options *options, struct err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);

    if (daemon == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    if (digest_init() < 0)
        (void)err_set(err, -EIO, "libsodium cannot start: no source of random bytes");
    else if (read_settings(daemon, options, err) == 0 && open_ground(daemon, err) == 0 &&
             watch_signals(daemon, err) == 0 && open_engine(daemon, err) == 0 &&
             open_api(daemon, err) == 0)
        return daemon;
    daemon_close(daemon);
    return NULL;
}

void daemon_run(struct daemon *daemon)
{
    log_info("tenond starts", F_STR("version", TENON_VERSION),
             F_STR("conf", engine_conf_dir(daemon->engine)),
             F_STR("store", daemon->settings.store_url), F_STR("socket", daemon->settings.socket));
    if (daemon->is_safe)
        log_warn("safe mode: no integration is opened and no plugin runs until it is activated by "
                 "hand: `tenon integration activate NAME`");
    daemon->starts =
        starts_create(daemon->loop, daemon->settings.state_dir, daemon->is_safe); /* NULL is fine */
    engine_start(daemon->engine);
    loop_run(daemon->loop);
    if (daemon->is_stopping)
        starts_went_well(daemon->starts);
    log_info("tenond ends");
}

void daemon_close(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    starts_destroy(daemon->starts);
    watch_destroy(daemon->watch);
    api_destroy(daemon->api);
    if (daemon->http != NULL)
        http_client_stop(daemon->http); /* its answers settle in the lanes, so before the engine */
    if (daemon->engine != NULL)
        engine_flush(daemon->engine);
    if (daemon->store != NULL)
        store_close(daemon->store); /* the same for what the lanes wrote */
    engine_destroy(daemon->engine);
    http_client_destroy(daemon->http);
    if (daemon->plugins != NULL)
        plugin_host_destroy(daemon->plugins);
    for (size_t i = 0; i < daemon->signal_count; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    if (daemon->loop != NULL) {
        loop_drain(daemon->loop); /* what the rooms' threads still had on its way */
        loop_destroy(daemon->loop);
    }
    settings_finish(&daemon->settings);
    free(daemon->worker_path);
    free(daemon);
}
