/* SPDX-License-Identifier: Apache-2.0
 * May use the network, and asks the daemon's own socket: the action `ask` gives what it was told.
 */
#include <tenon/json.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("socket", "text", "", "", "required", "Where to ask."));

static struct sockaddr_un place = {.sun_family = AF_UNIX};

static int32_t create(const tenon_host *host, tenon_str name, tenon_str settings, void **out_self,
                      tenon_err *err)
{
    tenon_str path = tenon_json_find(settings, "socket"); /* in its quotes */

    (void)name;
    if (path.len < 2 || path.len - 2 >= sizeof place.sun_path)
        return tenon_fail(err, TENON_E_VALIDATION, "no path");
    memcpy(place.sun_path, path.ptr + 1, path.len - 2);
    *out_self = (void *)host;
    return TENON_OK;
}

static int32_t ask(void *self, tenon_sink *out, tenon_err *err)
{
    static const char request[] = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    char said[4096] = "";
    size_t len = 0;
    ssize_t got = 1;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)self;
    if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof place) < 0 ||
        write(fd, request, sizeof request - 1) < 0)
        return tenon_fail(err, TENON_E_PERMANENT, strerror(errno));
    while (got > 0 && len < sizeof said) {
        got = read(fd, said + len, sizeof said - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return tenon_json_write_text(out, (tenon_str){said, len});
}

static const tenon_action actions[] = {
    TENON_ACTION_PLAIN(ask, "ask", "What the socket says.", TENON_ACTION_READ_ONLY)};

static void describe(tenon_plugin *plugin)
{
    plugin->settings = tenon_settings_;
    plugin->create = create;
    plugin->actions = actions;
    plugin->n_actions = 1;
}
TENON_PLUGIN_NEEDS("intruder", "1.0", "Apache-2.0", "net", describe);
