/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_journal.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

enum {
    SEND_BUFFER_BYTES = 8 * 1024 * 1024,
    WAIT_MS = 200,       /* for a journal that is busy */
    FIELD_NAME_MAX = 64, /* of a field, as journald has it */
};

static int journal_fd = -1;
static bool is_slow;
static struct sockaddr_un address;

bool log_journal_is_stream(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct str rest = str_of(stream);
    struct str device;
    int64_t numbers[2];
    struct stat facts;

    if (stream == NULL || !str_next(&rest, ':', &device) || str_to_i64(device, &numbers[0]) < 0 ||
        str_to_i64(rest, &numbers[1]) < 0 || fstat(fd, &facts) < 0)
        return false;
    return (uint64_t)facts.st_dev == (uint64_t)numbers[0] &&
           (uint64_t)facts.st_ino == (uint64_t)numbers[1];
}

int log_journal_open(struct err *err)
{
    const struct timeval wait = {.tv_usec = WAIT_MS * 1000};
    const int bytes = SEND_BUFFER_BYTES;
    const char *path = getenv("TENON_JOURNAL_SOCKET");

    if (path == NULL || path[0] == '\0')
        path = "/run/systemd/journal/socket";
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "the journal's socket %s has too long a path", path);
    log_journal_close();
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1); /* fits, see above */
    if (access(path, W_OK) < 0)
        return err_set(err, -errno,
                       "the journal's socket %s cannot be written to: %s; is systemd-journald "
                       "running? [log] target = stderr does without it",
                       path, strerror(errno));
    journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal_fd < 0)
        return err_set(err, -errno, "cannot open a socket for the journal: %s", strerror(errno));
    /* Both only make it better: without them long lines go by memory, and a full queue waits. */
    (void)setsockopt(journal_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(journal_fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    is_slow = false;
    return 0;
}

void log_journal_close(void)
{
    if (journal_fd >= 0)
        (void)close(journal_fd); /* nothing is kept in it */
    journal_fd = -1;
}

/* "NAME=value\n", or where the value has line ends "NAME\n", its length in 8 bytes, little end
 * first, the value and "\n". */
static void put_field(struct buf *out, const char *name, struct str value)
{
    buf_puts(out, name);
    if (value.len == 0 || memchr(value.ptr, '\n', value.len) == NULL) {
        buf_putc(out, '=');
    } else {
        char length[8];

        for (size_t i = 0; i < sizeof(length); i++)
            length[i] = (char)((uint64_t)value.len >> (8 * i) & 0xff);
        buf_putc(out, '\n');
        buf_add(out, length, sizeof(length));
    }
    buf_add_str(out, value);
    buf_putc(out, '\n');
}

/* journald takes capital letters, digits and underscores. */
static void put_own_field(struct buf *out, const struct log_field *field)
{
    char name[FIELD_NAME_MAX + 1] = "TENON_";
    size_t len = strlen(name);
    _buf_ struct buf value = {0};

    for (const char *at = field->name; *at != '\0' && len < FIELD_NAME_MAX; at++)
        name[len++] = (char)(isalnum((unsigned char)*at) ? toupper((unsigned char)*at) : '_');
    name[len] = '\0';
    log_line_put_value(field, &value);
    put_field(out, name, buf_str(&value));
}

static void put_entry(struct buf *out, const struct log_line *line)
{
    static const char *const priorities[] = {
        [LOG_ERROR] = "3", [LOG_WARN] = "4", [LOG_INFO] = "6", [LOG_DEBUG] = "7"};
    _buf_ struct buf message = {0};

    log_line_put_message(line, &message);
    put_field(out, "MESSAGE", buf_str(&message));
    put_field(out, "PRIORITY", str_of(priorities[line->level]));
    put_field(out, "SYSLOG_IDENTIFIER", STR("tenond"));
    if (line->integration.len > 0)
        put_own_field(out, &F_TEXT("integration", line->integration));
    for (const struct log_field *field = line->fields; field->kind != LOG_FIELD_END; field++)
        if (strcmp(field->name, "integration") != 0)
            put_own_field(out, field);
}

/* What is too large for a datagram goes in a sealed piece of memory whose descriptor is sent. */
static int send_memory(struct str entry)
{
    _close_ int fd = memfd_create("tenon-log", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = sizeof(address),
        .msg_control = &control,
        .msg_controllen = sizeof(control.room),
    };

    if (fd < 0)
        return -errno;
    while (entry.len > 0) {
        ssize_t put = write(fd, entry.ptr, entry.len);
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        entry.ptr += put;
        entry.len -= (size_t)put;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    return sendmsg(journal_fd, &message, MSG_NOSIGNAL | (is_slow ? MSG_DONTWAIT : 0)) < 0 ? -errno
                                                                                          : 0;
}

int log_journal_send(const struct log_line *line)
{
    _buf_ struct buf entry = {0};
    int status = 0;

    put_entry(&entry, line);
    if (entry.failed)
        return -ENOMEM;
    if (sendto(journal_fd, entry.ptr, entry.len, MSG_NOSIGNAL | (is_slow ? MSG_DONTWAIT : 0),
               (const struct sockaddr *)&address, sizeof(address)) < 0)
        status = -errno;
    if (status == -EMSGSIZE || status == -ENOBUFS)
        status = send_memory(buf_str(&entry));
    is_slow = status == -EAGAIN;
    return status;
}
