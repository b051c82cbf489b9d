/* SPDX-License-Identifier: Apache-2.0
 * Where the daemon is: a Unix socket of this machine, or a URL with a token. The token comes from a
 * file or the environment, never from an argument, which everybody here could read. */
#include "cli/cli_target.h"

#include "base/authority.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES_MAX = 4096 };

/* Broken files of others do not matter here. */
static int socket_of_configuration(struct cli *cli, struct err *err)
{
    _free_ char *dir = config_dir(cli_option_text(cli, "conf"));
    _free_ char *state = NULL;
    _free_ char *socket = NULL;

    if (dir == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    struct config *config = config_load(dir, NULL, NULL, err);
    if (config == NULL)
        return err_set(err, E_UNREACHABLE,
                       "which socket? There is no configuration in %s; give --socket PATH, "
                       "TENON_SOCKET, --conf DIR or --url URL",
                       dir);
    state = config_state_dir(config_host(config), NULL, err);
    if (state != NULL)
        socket = config_socket_path(config_host(config), state);
    config_destroy(config);
    if (state == NULL)
        return err_prefix(err, "which socket? Give --socket PATH, TENON_SOCKET or --url URL; ");
    buf_puts(&cli->socket, socket != NULL ? socket : "");
    return socket == NULL || cli->socket.failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* An option, else the environment; NULL when neither says anything. */
static const char *given(const struct cli *cli, const char *option, const char *variable)
{
    const char *text = cli_option_text(cli, option);

    if (text == NULL || text[0] == '\0')
        text = getenv(variable);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static int read_token(struct cli *cli, struct err *err)
{
    const char *file = cli_option_text(cli, "token-file");
    const char *token = file == NULL ? getenv("TENON_TOKEN") : NULL;
    _buf_ struct buf text = {0};

    if (file == NULL)
        file = getenv("TENON_TOKEN_FILE");
    if (token != NULL && token[0] != '\0') {
        buf_puts(&text, token);
    } else if (file != NULL && file[0] != '\0') {
        int status = file_read(file, TOKEN_BYTES_MAX, &text, err);
        if (status < 0)
            return err_prefix(err, "--token-file: ");
    }
    struct str trimmed = str_trim(buf_str(&text));
    buf_add_str(&cli->token, trimmed);
    if (text.failed || cli->token.failed)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < trimmed.len; i++)
        if ((unsigned char)trimmed.ptr[i] <= ' ')
            return err_set(err, E_USAGE,
                           "the token has a blank or a line break in it; a token is "
                           "one word");
    return 0;
}

/* A token in clear is everybody's on the way. */
static bool is_on_this_machine(const char *url)
{
    const char *authority = url + strlen("http://");

    return authority_is_loopback((struct str){authority, strcspn(authority, "/?#")});
}

static int take_url(struct cli *cli, const char *url, struct err *err)
{
    size_t len = strlen(url);

    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return err_set(err, E_USAGE, "--url: '%s' is not a URL such as https://tenon.example.com",
                       url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    buf_add(&cli->socket, url, len);
    cli->is_url = true;
    int status = read_token(cli, err);
    if (status < 0)
        return status;
    if (cli->token.len > 0 && url[4] == ':' && !is_on_this_machine(url))
        return err_set(err, E_USAGE,
                       "--url: over %s the token could be read on its way: use https://", url);
    return cli->socket.failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int resolve(struct cli *cli, struct err *err)
{
    const char *url = cli_option_text(cli, "url");
    const char *socket = cli_option_text(cli, "socket");

    if (url != NULL && socket != NULL)
        return err_set(err, E_USAGE, "--url and --socket: which of them?");
    if (url == NULL && socket == NULL)
        url = getenv("TENON_URL");
    if (url != NULL && url[0] != '\0')
        return take_url(cli, url, err);
    socket = given(cli, "socket", "TENON_SOCKET");
    if (socket == NULL)
        return socket_of_configuration(cli, err);
    buf_puts(&cli->socket, socket);
    return cli->socket.failed ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int cli_target(struct cli *cli, struct str path, struct buf *url, struct http_call *out,
               struct err *err)
{
    int status = cli->socket.len > 0 ? 0 : resolve(cli, err);

    if (status < 0)
        return status;
    buf_puts(url, cli->is_url ? cli->socket.ptr : "http://localhost");
    buf_add_str(url, path);
    if (url->failed)
        return err_set(err, -ENOMEM, "out of memory");
    out->url = url->ptr;
    out->unix_socket = cli->is_url ? NULL : cli->socket.ptr;
    out->token = cli->token.len > 0 ? cli->token.ptr : NULL;
    out->ca_file = cli->is_url ? given(cli, "ca-file", "TENON_CA_FILE") : NULL;
    return 0;
}
