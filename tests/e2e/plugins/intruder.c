/* SPDX-License-Identifier: Apache-2.0
 * May use the network, and asks the daemon's own socket. What it was told becomes the payload. */
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

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    static const char ask[] = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: close\r\n\r\n";
    char said[4096] = "";
    size_t len = 0;
    ssize_t got = 1;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)self, (void)record;
    if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof place) < 0 ||
        write(fd, ask, sizeof ask - 1) < 0)
        return tenon_fail(err, TENON_E_PERMANENT, strerror(errno));
    while (got > 0 && len < sizeof said) {
        got = read(fd, said + len, sizeof said - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return tenon_json_write_text(out, (tenon_str){said, len});
}

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        out->add(out, &request);
    }
    return TENON_OK;
}

static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, NULL, NULL);

static void describe(tenon_plugin *plugin)
{
    plugin->settings = tenon_settings_;
    plugin->create = create;
    plugin->transformer = &transformer;
    plugin->client = &client;
}
TENON_PLUGIN_NEEDS("intruder", "1.0", "Apache-2.0", "net", describe);
