/* SPDX-License-Identifier: Apache-2.0
 * tenon.ini. */
#include "config/config_schema.h"

#include "base/authority.h"

#include <tenon/tenon.h>

#include <netdb.h>
#include <stdio.h>

/* clang-format off */
static const char host_rows[] =
    TENON_OPTION("plugin_path", "text", "", "", "",
                 "Directories with plugins, absolute, separated by ':'; the first that has a "
                 "plugin wins. Empty: the installed one.")
    TENON_OPTION("worker", "path", "", "", "",
                 "The program that runs plugin code. Empty: the installed tenon-worker.")
    TENON_OPTION("state", "path", "", "", "",
                 "Where the store, the socket and the quarantine list live. Empty: /var/lib/tenon "
                 "for root, else ~/.local/state/tenon.")
    TENON_OPTION("watch", "boolean", "", "yes", "",
                 "Notice by itself when an ini or a plugin is added, changed or removed. no: look "
                 "only when told to, by `tenon reload` or SIGHUP.")
    TENON_OPTION("safe", "boolean", "", "no", "",
                 "Start in safe mode, as tenond --safe does: store, API and client work, no "
                 "integration is opened and no plugin runs but those activated by hand.")
    TENON_OPTION("plain_secrets", "boolean", "", "no", "",
                 "Accept secrets written into the files as they are, instead of ${env:NAME}, "
                 "${file:/path} or ${cred:NAME}.");

static const char store_rows[] =
    TENON_OPTION("url", "text", "", "", "",
                 "Where records are kept. Empty: sqlite:<state>/tenon.db.")
    TENON_OPTION("sync", "choice", "full,normal", "full", "",
                 "full: what was acknowledged survives a power cut. normal: it survives a crash of "
                 "tenond, and is faster.")
    TENON_OPTION("cache", "size", "1MB..64GB", "4MB", "", "Memory for the store's own cache.")
    TENON_OPTION("reserve", "size", "0..1GB", "32MB", "",
                 "Room kept free beside the store, at most an eighth of its disk: when the disk "
                 "is full intake is refused, and deliveries go on in this room. 0: none.")
    TENON_OPTION("keep_succeeded", "duration", "0..36500d", "30d", "",
                 "How long the details of a delivered submission are kept: attempts, answers, "
                 "older versions' submissions. That it was delivered is never forgotten. 0: "
                 "forever.")
    TENON_OPTION("keep_failed", "duration", "0..36500d", "90d", "",
                 "The same for failed ones; they can be submitted again even after that. 0: "
                 "forever.")
    TENON_OPTION("keep_skipped", "duration", "0..36500d", "30d", "",
                 "The same for skipped ones. 0: forever.")
    TENON_OPTION("keep_superseded", "duration", "0..36500d", "7d", "",
                 "The same for versions that a newer one replaced before they went. 0: forever.")
    TENON_OPTION("keep_signals", "duration", "0..36500d", "30d", "",
                 "How long signals are kept. 0: forever.")
    TENON_OPTION("keep_entities", "duration", "0..36500d", "0", "",
                 "How long entities are kept after their last change, once every integration has "
                 "looked at them, the keep_... times of their submissions are over and no "
                 "relationship holds them. An integration that was off for as long does not count. "
                 "0: forever.");

static const char api_rows[] =
    TENON_OPTION("socket", "path", "", "", "",
                 "The Unix socket of the API, at most 107 characters. Empty: <state>/tenon.sock.")
    TENON_OPTION("listen", "text", "", "", "",
                 "An address to listen on besides the socket, such as 127.0.0.1:8642; beyond this "
                 "machine (0.0.0.0:8642) every request needs a token. Empty: none.")
    TENON_OPTION("token", "text", "", "", "secret",
                 "The operator's own token, with which everything is allowed. Others are made with "
                 "`tenon token create`.")
    TENON_OPTION("without_token", "text", "", "", "",
                 "What may be done at `listen` without a token: scopes such as read, or none. "
                 "Empty: everything while it is on loopback and no token was ever made, else "
                 "nothing.")
    TENON_OPTION("hosts", "text", "", "", "",
                 "Names under which `listen` is asked for, besides localhost and plain addresses, "
                 "such as tenon.example.com: others are refused, since a web page may have its "
                 "name lead here.")
    TENON_OPTION("origins", "text", "", "", "",
                 "Web pages that may use the API besides its own, such as "
                 "https://dash.example.com.")
    TENON_OPTION("socket_group", "text", "", "", "",
                 "A group whose members may use the socket, besides root and the user of tenond. "
                 "Put the socket where they can reach it.")
    TENON_OPTION("socket_users", "text", "", "", "", "Users who may use the socket as well.")
    TENON_OPTION("socket_scope", "text", "", "manage", "",
                 "What socket_group and socket_users may do there: scopes such as read.")
    TENON_OPTION("tls_certificate", "path", "", "", "",
                 "Speak HTTPS at `listen`: the certificate in PEM form, and behind it those "
                 "between it and its root. Read again by `tenon reload`. Empty: HTTP.")
    TENON_OPTION("tls_key", "path", "", "", "",
                 "Its key in PEM form, without a passphrase; mode 0600, or 0640 for a group.")
    TENON_OPTION("tls_client_ca", "path", "", "", "",
                 "Only who shows a certificate of one of these authorities (PEM) may connect. "
                 "Empty: anybody may.")
    TENON_OPTION("max_body", "size", "1KB..1GB", "16MB", "",
                 "The largest request body that is taken.")
    TENON_OPTION("max_connections", "integer", "1..100000", "1000", "",
                 "Connections at a time at `listen`, and as many at the socket; more are answered "
                 "503.")
    TENON_OPTION("max_connections_per_peer", "integer", "0..100000", "0", "",
                 "Of these, from one address (IPv6: one /64 network); more are answered 429. "
                 "Behind a proxy all come from its address. 0: no such limit.")
    TENON_OPTION("idle_timeout", "duration", "1s..1h", "60s", "",
                 "How long a connection may stay open without a request.")
    TENON_OPTION("request_timeout", "duration", "1s..10m", "30s", "",
                 "How long the head of a request may take to come. A body, and the taking of an "
                 "answer, may take longer as long as 500 bytes a second move.");

static const char mcp_rows[] =
    TENON_OPTION("access", "choice", "off,read,write", "read", "",
                 "What MCP clients (language models) may do at /mcp. read: look at records and "
                 "call actions that change nothing. write: also add records, submit, retry, and "
                 "what each integration's own mcp key allows. off: nothing.");

static const char log_rows[] =
    TENON_OPTION("level", "choice", "error,warn,info,debug", "info", "",
                 "The least important lines that are written.")
    TENON_OPTION("form", "choice", "logfmt,json", "logfmt", "",
                 "How a line on standard error looks.")
    TENON_OPTION("target", "choice", "auto,stderr,journald", "auto", "",
                 "Where lines go. auto: the journal, with a field for each fact, when standard "
                 "error is its stream (as under systemd), else standard error.");
/* clang-format on */

static const struct config_section sections[] = {
    {"host", SECTION_ROWS, "The daemon itself.", host_rows},
    {"store", SECTION_ROWS, "Where entities, signals and submissions are kept.", store_rows},
    {"api", SECTION_ROWS, "The REST and live API.", api_rows},
    {"mcp", SECTION_ROWS, "The Model Context Protocol.", mcp_rows},
    {"log", SECTION_ROWS, "The daemon's log.", log_rows},
};

/* As whoever listens reads it (http_listen.c): DNS is not asked, its answer may change. */
static bool can_be_listened_at(struct str address)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    bool is_bracketed =
        address.len > 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']';
    struct addrinfo *found = NULL;
    char text[80];

    if (is_bracketed)
        address = (struct str){address.ptr + 1, address.len - 2};
    else if (memchr(address.ptr, ':', address.len) != NULL)
        return false;
    if (address.len == 0 || address.len >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(address)); /* fits */
    if (getaddrinfo(text, NULL, &hints, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

static void check_listen(struct config *config, struct config_file *file)
{
    const struct config_value *value = config_value_find(file, "api", "listen");
    struct str text = str_of(value->text);
    int64_t port = -1;

    if (text.len == 0)
        return;
    const char *colon = strrchr(value->text, ':');
    struct str address = {value->text, colon != NULL ? (size_t)(colon - value->text) : text.len};
    if (colon == NULL || str_to_i64(str_of(colon + 1), &port) < 0 || port < 0 || port > 65535) {
        config_complain(config, file, NULL, value->line, C012,
                        "[api] listen: '%s' is not ADDRESS:PORT with a port up to 65535, such as "
                        "127.0.0.1:8642",
                        value->text);
        return;
    }
    bool is_loopback = authority_is_loopback(text);
    if (!is_loopback && !can_be_listened_at(address))
        config_complain(config, file, NULL, value->line, C012,
                        "[api] listen: '%.*s' is not a numeric address; 127.0.0.1 is this machine, "
                        "0.0.0.0 all of its networks",
                        STR_ARG(address));
    const char *without = config_value_find(file, "api", "without_token")->text;
    if (!is_loopback && without[0] != '\0' && strcmp(without, "none") != 0)
        config_complain(config, file, NULL, config_value_find(file, "api", "without_token")->line,
                        C012,
                        "[api] without_token: '%.*s' is reachable from other machines, and every "
                        "request there needs a token: leave this empty",
                        STR_ARG(address));
}

static void check_token(struct config *config, struct config_file *file)
{
    enum { TOKEN_BYTES_MIN = 16 };
    const struct config_value *token = config_value_find(file, "api", "token");
    size_t len = strlen(token->text);

    if (len > 0 && len < TOKEN_BYTES_MIN)
        config_complain(config, file, NULL, token->line, C012,
                        "[api] token: %zu characters can be guessed; take %d or more", len,
                        TOKEN_BYTES_MIN);
}

/* Both or neither, and something to listen at. */
static void check_tls(struct config *config, struct config_file *file)
{
    const struct config_value *certificate = config_value_find(file, "api", "tls_certificate");
    const struct config_value *key = config_value_find(file, "api", "tls_key");
    const struct config_value *client_ca = config_value_find(file, "api", "tls_client_ca");
    const struct config_value *listen = config_value_find(file, "api", "listen");
    bool has_certificate = certificate->text[0] != '\0';

    if (has_certificate != (key->text[0] != '\0'))
        config_complain(config, file, NULL, has_certificate ? certificate->line : key->line, C012,
                        "[api] %s: a certificate needs its key, and a key its certificate: set %s "
                        "as well",
                        has_certificate ? "tls_certificate" : "tls_key",
                        has_certificate ? "tls_key" : "tls_certificate");
    else if (!has_certificate && client_ca->text[0] != '\0')
        config_complain(config, file, NULL, client_ca->line, C012,
                        "[api] tls_client_ca: certificates are asked for over TLS alone: set "
                        "tls_certificate and tls_key as well");
    else if (has_certificate && listen->text[0] == '\0')
        config_complain(config, file, NULL, certificate->line, C012,
                        "[api] tls_certificate: nothing listens: set listen, such as "
                        "127.0.0.1:8643");
}

static void check_plugin_path(struct config *config, struct config_file *file)
{
    const struct config_value *value = config_value_find(file, "host", "plugin_path");
    struct str rest = str_of(value->text);
    struct str part;

    while (str_next(&rest, ':', &part))
        if (part.len > 0 && part.ptr[0] != '/')
            config_complain(
                config, file, NULL, value->line, C012,
                "[host] plugin_path: '%.*s' is not an absolute path; it begins with '/'",
                STR_ARG(part));
}

static void check_host(struct config *config, struct config_file *file)
{
    enum { SOCKET_PATH_MAX = 107 };
    const struct config_value *socket = config_value_find(file, "api", "socket");
    const struct config_value *url = config_value_find(file, "store", "url");

    check_plugin_path(config, file);
    check_listen(config, file);
    check_tls(config, file);
    check_token(config, file);
    if (strlen(socket->text) > SOCKET_PATH_MAX)
        config_complain(
            config, file, NULL, socket->line, C012,
            "[api] socket: %zu characters, the system takes at most %d: choose a shorter path",
            strlen(socket->text), SOCKET_PATH_MAX);
    if (url->text[0] != '\0' && strchr(url->text, ':') == NULL)
        config_complain(
            config, file, NULL, url->line, C012,
            "[store] url: '%s' is not KIND:PLACE, such as sqlite:/var/lib/tenon/tenon.db",
            url->text);
}

const struct config_schema config_schema_host = {sections, sizeof sections / sizeof *sections,
                                                 check_host};
