/* SPDX-License-Identifier: Apache-2.0
 * The journal's side is a real datagram socket of the test's own. */
#include "base/log.h"

#include "base/secret.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/tenon-journal-XXXXXX";
static char path[sizeof(folder) + 16];
static int journal;
static FILE *fallback;

static int start(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    memcpy(address.sun_path, path, strlen(path) + 1);
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    fallback = tmpfile();
    if (journal < 0 || fallback == NULL ||
        bind(journal, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    log_set_fd(fileno(fallback));
    return setenv("TENON_JOURNAL_SOCKET", path, 1);
}

static int stop(void **state)
{
    (void)state;
    (void)log_set_target(LOG_TARGET_STDERR, NULL);
    log_set_fd(2);
    secret_forget_all();
    (void)unsetenv("TENON_JOURNAL_SOCKET");
    (void)unsetenv("JOURNAL_STREAM");
    (void)close(journal);
    (void)unlink(path);
    (void)fclose(fallback);
    return rmdir(folder);
}

/* The entry, out of the datagram or out of the memory whose descriptor came in its place. */
static void receive(struct buf *out)
{
    char bytes[65536];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec place = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(journal, &message, MSG_DONTWAIT);

    buf_clear(out);
    assert_true(got >= 0);
    buf_add(out, bytes, (size_t)got);
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head == NULL)
        return;
    int fd;
    memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    int seals = fcntl(fd, F_GET_SEALS);
    assert_int_equal(seals & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
                     F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    off_t at = 0;
    while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0) {
        buf_add(out, bytes, (size_t)got);
        at += got;
    }
    (void)close(fd);
}

static size_t fallback_bytes(void)
{
    struct stat facts;

    assert_int_equal(fstat(fileno(fallback), &facts), 0);
    return (size_t)facts.st_size;
}

static void fields_arrive_as_fields(void **state)
{
    _buf_ struct buf out = {0};

    (void)state;
    secret_register(STR("hunter22"));
    assert_int_equal(log_set_target(LOG_TARGET_JOURNALD, NULL), 0);
    log_integration_scope("stripe-eu");
    log_warn("failed with hunter22", F_INT("wait_ms", 5), F_STR("odd.name", "a hunter22 b"));
    receive(&out);
    assert_str(buf_str(&out), "MESSAGE=failed with ******** wait_ms=5 odd.name=\"a ******** b\"\n"
                              "PRIORITY=4\nSYSLOG_IDENTIFIER=tenond\n"
                              "TENON_INTEGRATION=stripe-eu\nTENON_WAIT_MS=5\n"
                              "TENON_ODD_NAME=a ******** b\n");
    assert_int_equal(fallback_bytes(), 0);
}

static void line_ends_are_framed_by_length(void **state)
{
    static const char framed[] = "TENON_TEXT\n\x03\0\0\0\0\0\0\0a\nb\n";
    _buf_ struct buf out = {0};

    (void)state;
    assert_int_equal(log_set_target(LOG_TARGET_JOURNALD, NULL), 0);
    log_error("x", F_STR("text", "a\nb"));
    receive(&out);
    assert_true(out.len > sizeof(framed));
    assert_memory_equal(out.ptr + out.len - (sizeof(framed) - 1), framed, sizeof(framed) - 1);
}

static void large_entries_go_by_memory(void **state)
{
    enum { MANY = 5000 }; /* more than any send buffer */
    struct log_field fields[MANY + 1] = {0};
    _buf_ struct buf text = {0};
    _buf_ struct buf out = {0};

    (void)state;
    for (int i = 0; i < LOG_VALUE_MAX; i++)
        buf_putc(&text, 'x');
    for (int i = 0; i < MANY; i++)
        fields[i] = F_TEXT("field", buf_str(&text));
    fields[MANY].kind = LOG_FIELD_END;
    assert_int_equal(log_set_target(LOG_TARGET_JOURNALD, NULL), 0);
    log_write(LOG_INFO, "large", fields);
    receive(&out);
    assert_true(out.len > (size_t)MANY * LOG_VALUE_MAX);
    assert_int_equal(fallback_bytes(), 0);
}

static void what_is_not_taken_goes_to_standard_error(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(log_set_target(LOG_TARGET_JOURNALD, NULL), 0);
    (void)shutdown(journal, SHUT_RDWR);
    (void)unlink(path);
    log_info("said all the same");
    assert_true(fallback_bytes() > 0);
    assert_int_equal(log_set_target(LOG_TARGET_JOURNALD, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
}

static void auto_knows_its_own_stream(void **state)
{
    _buf_ struct buf out = {0};
    struct stat facts;
    char stream[64];

    (void)state;
    assert_int_equal(log_set_target(LOG_TARGET_AUTO, NULL), 0);
    log_info("to standard error");
    assert_true(fallback_bytes() > 0);
    assert_int_equal(fstat(fileno(fallback), &facts), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)facts.st_dev,
                   (unsigned long long)facts.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    assert_int_equal(log_set_target(LOG_TARGET_AUTO, NULL), 0);
    log_info("to the journal");
    receive(&out);
    assert_non_null(strstr(out.ptr, "MESSAGE=to the journal\n"));
    assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    assert_int_equal(log_set_target(LOG_TARGET_AUTO, NULL), 0);
    size_t before = fallback_bytes();
    log_info("and back");
    assert_true(fallback_bytes() > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_arrive_as_fields, start, stop),
        cmocka_unit_test_setup_teardown(line_ends_are_framed_by_length, start, stop),
        cmocka_unit_test_setup_teardown(large_entries_go_by_memory, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_taken_goes_to_standard_error, start, stop),
        cmocka_unit_test_setup_teardown(auto_knows_its_own_stream, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
