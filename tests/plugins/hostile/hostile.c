/* SPDX-License-Identifier: Apache-2.0
 * A plugin that does what a record's type says: "fine" is honest, every other type is a way to go
 * wrong. Its setting `at` says in which callback; `beside` waits until a neighbour in the same
 * worker is at a "slow" record, and goes wrong in transform then. What a sandbox must refuse is
 * tried and its errno written out: {"errno":1}. */
#include <tenon/http.h>
#include <tenon/tenon.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("at", "text", "", "transform", "", "The callback that misbehaves."));

struct hostile {
    const tenon_host *host;
    char at[32];
    pthread_t thread;
    int has_thread;
    uint64_t job;
    uint32_t count;
};

static unsigned at_slow_records; /* by all integrations of this worker; atomic */

static void be_slow(void)
{
    enum { SLOW_US = 300000 };

    __atomic_fetch_add(&at_slow_records, 1, __ATOMIC_SEQ_CST);
    usleep(SLOW_US);
    __atomic_fetch_sub(&at_slow_records, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_neighbour(void)
{
    enum { STEP_US = 1000, STEPS_MAX = 5000 };

    for (int i = 0; i < STEPS_MAX && __atomic_load_n(&at_slow_records, __ATOMIC_SEQ_CST) == 0; i++)
        usleep(STEP_US);
}

static __attribute__((noinline)) int overflow(volatile int depth)
{
    volatile char block[4096];

    block[0] = (char)depth;
    return depth < 0
               ? 0
               : overflow(depth + 1) + block[0]; /* the stack ends long before the numbers do */
}

static void write_everywhere(void)
{
    char garbage[256];

    memset(garbage, 0xfe, sizeof garbage);
    for (int fd = 0; fd < 1024; fd++)
        if (write(fd, garbage, sizeof garbage) < 0)
            continue;
}

static void allocate(void)
{
    for (;;) {
        char *block = malloc(1 << 20);
        memset(block, 1, 1 << 20); /* NULL at the limit */
    }
}

/* Tries what must not work; 0 when it did, else errno. */
static int try_forbidden(const char *what)
{
    int result = 0;

    errno = 0;
    if (strcmp(what, "fork") == 0) {
        result = (int)fork();
        if (result == 0)
            _exit(0);
    } else if (strcmp(what, "socket") == 0)
        result = socket(AF_INET, SOCK_STREAM, 0);
    else if (strcmp(what, "unix_socket") == 0)
        result = socket(AF_UNIX, SOCK_STREAM, 0);
    else if (strcmp(what, "shadow") == 0)
        result = open("/etc/shadow", O_RDONLY);
    else if (strcmp(what, "home") == 0)
        result = open("/root", O_RDONLY | O_DIRECTORY);
    else if (strcmp(what, "create") == 0)
        result = open("/tmp/tenon-hostile-was-here", O_CREAT | O_WRONLY, 0600);
    else if (strcmp(what, "kill_parent") == 0)
        result = kill(getppid(), SIGTERM);
    else if (strcmp(what, "ptrace") == 0)
        result = (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
    else if (strcmp(what, "exec") == 0)
        result = execl("/bin/true", "true", (char *)NULL);
    else if (strcmp(what, "new_code") == 0)
        result = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0) == MAP_FAILED
                     ? -1
                     : 0;
    else if (strcmp(what, "chmod") == 0)
        result = chmod("/nonexistent/tenon", 0600);
    else if (strcmp(what, "open_for_nothing") == 0)
        result = open("/nonexistent/tenon", O_ACCMODE);
    else if (strcmp(what, "limit_parent") == 0) /* its low half is that of NULL */
        result = (int)syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, 1ULL << 32, NULL);
    else if (strcmp(what, "pin_nobody") == 0) /* who is not there */
        result = (int)syscall(SYS_sched_setaffinity, INT_MAX, 0, NULL);
    else if (strcmp(what, "shared_memory") == 0)
        result = shmget(IPC_PRIVATE, 0, 0); /* no size: nothing stays where it can be done */
    else if (strcmp(what, "memory_file") == 0)
        result = memfd_create("hostile", 0);
    else
        return -1;
    return result < 0 ? errno : 0;
}

#ifdef __x86_64__
/* The kernel's other ways in, by which a call has another number: what a filter of numbers must not
 * let pass. */
static void call_as_x32(void)
{
    enum { X32 = 0x40000000 };

    (void)syscall(X32 | SYS_getpid);
}

static void call_as_i386(void)
{
    enum { I386_GETPID = 20 };
    int result = I386_GETPID;

    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}
#endif

static void misbehave(const char *what)
{
    volatile int *nowhere = NULL;

    if (strcmp(what, "null") == 0)
        *nowhere = 1;
    else if (strcmp(what, "loop") == 0)
        for (volatile int i = 0;; i = !i)
            ;
    else if (strcmp(what, "slow") == 0)
        be_slow();
    else if (strcmp(what, "exit") == 0)
        exit(0);
    else if (strcmp(what, "leave") == 0)
        _exit(3);
    else if (strcmp(what, "trap") == 0)
        (void)raise(SIGTRAP);
    else if (strcmp(what, "abort") == 0)
        abort();
#ifdef __x86_64__
    else if (strcmp(what, "x32") == 0)
        call_as_x32();
    else if (strcmp(what, "i386") == 0)
        call_as_i386();
#endif
    else if (strcmp(what, "garbage") == 0)
        write_everywhere();
    else if (strcmp(what, "allocate") == 0)
        allocate();
    else if (strcmp(what, "overflow") == 0)
        (void)overflow(0);
    else if (strcmp(what, "close") == 0)
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
    else if (strcmp(what, "print") == 0) {
        puts("printed to stdout");
        fflush(stdout);
        fputs("printed to stderr\n", stderr);
    } else if (strcmp(what, "flood") == 0)
        for (int i = 0; i < 1000; i++)
            printf("%d %0*d\n", i, 2000, 0);
}

static int is_at(const struct hostile *own, const char *callback)
{
    return strcmp(own->at, callback) == 0;
}

static void obey(const tenon_record *record)
{
    misbehave(record->type.ptr);
}

static int32_t create(const tenon_host *host, tenon_str name, tenon_str settings, void **out_self,
                      tenon_err *err)
{
    struct hostile *own = calloc(1, sizeof *own);
    const char *at = strstr(settings.ptr, "\"at\":\"");

    (void)name;
    if (own == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory");
    own->host = host;
    if (at != NULL)
        sscanf(at + 6, "%31[a-z_]", own->at);
    *out_self = own;
    if (is_at(own, "create"))
        misbehave("null");
    return TENON_OK;
}

static int32_t validate(tenon_str settings, tenon_err *err)
{
    if (strstr(settings.ptr, "\"at\":\"refused\"") != NULL)
        return tenon_fail(err, TENON_E_VALIDATION, "at: 'refused' is not wanted here");
    return TENON_OK;
}

static int too_early = 3; /* activations of "activate_late" that fail in this worker */

static int32_t activate(void *self, tenon_err *err)
{
    const struct hostile *own = self;

    if (is_at(own, "activate"))
        misbehave("exit");
    if (is_at(own, "activate_fails"))
        return tenon_fail(err, TENON_E_CONNECTION, "nobody there");
    if (is_at(own, "activate_slow")) {
        be_slow();
        return tenon_fail(err, TENON_E_CONNECTION, "nobody there after all");
    }
    if (is_at(own, "activate_late") && too_early > 0) {
        too_early--;
        return tenon_fail(err, TENON_E_CONNECTION, "not yet");
    }
    return TENON_OK;
}

static void deactivate(void *self, uint32_t grace_ms)
{
    struct hostile *own = self;

    (void)grace_ms;
    if (is_at(own, "deactivate"))
        misbehave("loop");
    if (own->has_thread)
        pthread_join(own->thread, NULL);
    own->has_thread = 0;
}

static void *complete_late(void *user)
{
    struct hostile *own = user;

    usleep(20000); /* after destroy, which does not wait for this thread */
    (void)own->host->complete(own->host, own->job, NULL, 0);
    own->host->log(own->host, TENON_LOG_INFO, tenon_text("still here"), tenon_text(""));
    return NULL;
}

static void destroy(void *self)
{
    struct hostile *own = self;
    pthread_t thread;

    if (is_at(own, "late") && pthread_create(&thread, NULL, complete_late, own) == 0) {
        pthread_detach(thread);
        return; /* leaks own: the thread still has it */
    }
    if (is_at(own, "activate_late") || is_at(own, "activate_slow"))
        own->host->log(own->host, TENON_LOG_INFO, tenon_text("destroyed"), tenon_text(""));
    free(own);
}

static int32_t select_even(void *self, const tenon_record *record, tenon_sink *reason,
                           tenon_err *err)
{
    (void)err;
    if (is_at(self, "select"))
        obey(record);
    if (record->version % 2 == 0)
        return TENON_OK;
    (void)tenon_puts(reason, "the version is odd");
    return TENON_SKIP;
}
static const tenon_selector selectors[] = {
    TENON_SELECTOR("even", "Records of even version.", select_even)};

/* A payload of as many bytes as the data says. */
static int32_t write_sized(const tenon_record *record, tenon_sink *out)
{
    static const char block[1 << 20];
    int32_t status = TENON_OK;

    for (size_t left = strtoul(record->data.ptr, NULL, 10); left > 0 && status == TENON_OK;) {
        size_t len = left < sizeof block ? left : sizeof block;
        status = out->write(out, block, len);
        left -= len;
    }
    return status;
}

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    struct hostile *own = self;
    char text[64];

    if (tenon_equals(record->type, "skip")) {
        (void)tenon_puts(out, "nothing to send");
        return TENON_SKIP;
    }
    if (tenon_equals(record->type, "bad"))
        return tenon_fail(err, TENON_E_VALIDATION, "no venue");
    if (tenon_equals(record->type, "odd_status"))
        return 77;
    if (tenon_equals(record->type, "sized"))
        return write_sized(record, out);
    if (tenon_equals(record->type, "huge")) {
        static const char block[1 << 20];
        while (out->write(out, block, sizeof block) == TENON_OK)
            ;
        return TENON_OK;
    }
    if (is_at(own, "beside") && !tenon_equals(record->type, "fine"))
        wait_for_neighbour();
    if (is_at(own, "transform") || is_at(own, "beside"))
        obey(record);
    if (is_at(own, "log"))
        own->host->log(own->host, TENON_LOG_WARN, tenon_text("seen"), tenon_text("{\"n\":1}"));
    int result = try_forbidden(record->type.ptr);
    if (result < 0)
        return out->write(out, record->data.ptr, record->data.len);
    snprintf(text, sizeof text, "{\"errno\":%d}", result);
    return tenon_puts(out, text);
}
static const tenon_transformer transformer = TENON_TRANSFORMER(transform);

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    const struct hostile *own = self;

    (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        if (is_at(own, "prepare"))
            obey(record);
        if (tenon_equals(record->type, "forgotten"))
            continue;
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        request.headers = tenon_text("content-type: application/json\n");
        if (tenon_equals(record->type, "header"))
            request.headers = tenon_text("x: y\r\ninjected: z\n");
        if (out->add(out, &request) != TENON_OK)
            continue;
        (void)out->add(out, &request); /* twice: refused */
        request.first = batch->count + 7;
        (void)out->add(out, &request); /* out of range: refused */
    }
    return TENON_OK;
}

static int32_t judge(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err)
{
    (void)err;
    if (is_at(self, "judge"))
        misbehave("null");
    if (is_at(self, "slow_judge"))
        be_slow();
    for (uint32_t i = 0; i < exchange->batch->count; i++) {
        tenon_verdict verdict =
            tenon_verdict_init(i, exchange->status < 300 ? TENON_ACCEPTED : TENON_RETRY);
        verdict.message = exchange->body;
        verdict.external_id = tenon_text("x-1");
        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}

static void *complete_all(void *user)
{
    struct hostile *own = user;
    tenon_verdict verdicts[16] = {0};
    uint32_t count = own->count < 16 ? own->count : 16;

    for (uint32_t i = 0; i < count; i++)
        verdicts[i] = tenon_verdict_init(i, TENON_ACCEPTED);
    (void)own->host->complete(own->host, own->job + 1000, verdicts, count); /* foreign */
    (void)own->host->complete(own->host, own->job, verdicts, count);
    for (uint32_t i = 0; i < count; i++)
        verdicts[i].verdict = TENON_REJECTED;
    (void)own->host->complete(own->host, own->job, verdicts, count); /* twice */
    return NULL;
}

static int32_t submit(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    struct hostile *own = self;

    (void)err;
    for (uint32_t i = 0; i < batch->count && is_at(own, "submit"); i++)
        obey(tenon_record_at(batch, i));
    if (own->has_thread)
        pthread_join(own->thread, NULL);
    own->has_thread = 0;
    own->job = batch->job;
    own->count = batch->count;
    if (is_at(own, "pending")) {
        own->has_thread = pthread_create(&own->thread, NULL, complete_all, own) == 0;
        return TENON_PENDING;
    }
    if (is_at(own, "never") || is_at(own, "late") || is_at(own, "wordless") ||
        is_at(own, "stunted"))
        return TENON_PENDING;
    if (is_at(own, "within")) {
        (void)complete_all(own);
        return TENON_PENDING;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t index = is_at(own, "wrong_index") ? i + batch->count : i;
        tenon_verdict verdict = tenon_verdict_init(index, TENON_ACCEPTED);
        (void)out->set(out, &verdict);
    }
    return TENON_OK;
}

/* Ends the job that submit() left: without verdicts, or with one too small to be read. */
static void complete_wordless(const struct hostile *own)
{
    tenon_verdict verdict = tenon_verdict_init(0, TENON_ACCEPTED);

    verdict.struct_size = offsetof(tenon_verdict, verdict);
    if (is_at(own, "stunted"))
        (void)own->host->complete(own->host, own->job, &verdict, 1);
    else
        (void)own->host->complete(own->host, own->job, NULL, 0);
}

static int32_t test(void *self, tenon_err *err)
{
    if (is_at(self, "wordless") || is_at(self, "stunted"))
        complete_wordless(self);
    if (is_at(self, "test"))
        misbehave("abort");
    if (is_at(self, "slow_test"))
        be_slow();
    return is_at(self, "test_fails") ? tenon_fail(err, TENON_E_AUTH, "who are you") : TENON_OK;
}

static const tenon_client client = TENON_CLIENT_OF(prepare, judge, submit, 0, test, 0, 0);

static int32_t gather(void *self, int64_t a, double b, int32_t c, const tenon_str *d,
                      const tenon_str *e, tenon_sink *out, tenon_err *err)
{
    char text[64];

    (void)err;
    if (self == NULL)
        return TENON_E_VALIDATION;
    snprintf(text, sizeof text, "[%lld,%g,%s,\"", (long long)a, b, c ? "true" : "false");
    tenon_puts(out, text);
    tenon_write(out, *d);
    tenon_puts(out, "\",");
    tenon_write(out, *e);
    return tenon_puts(out, "]");
}

static int32_t do_what(void *self, const tenon_str *what, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)out;
    if (tenon_equals(*what, "fail")) {
        err->retry_after_ms = 70;
        return tenon_fail(err, TENON_E_RATE_LIMITED, "too fast");
    }
    misbehave(what->ptr);
    return TENON_OK;
}

/* Asks the host, and gives back what came: the body as text. */
static int32_t ask(void *self, const tenon_str *url, int64_t timeout_ms, tenon_sink *out,
                   tenon_err *err)
{
    const struct hostile *own = self;
    const tenon_http *http = own->host->get_service(own->host, TENON_HTTP_1);
    tenon_http_request request = {.struct_size = sizeof request,
                                  .timeout_ms = (uint32_t)timeout_ms,
                                  .method = tenon_text("GET"),
                                  .url = *url};
    tenon_buffer body;
    uint32_t status;
    char text[32];

    if (own->host->get_service(own->host, "tenon.none/1") != NULL)
        return TENON_E_UNKNOWN;
    tenon_buffer_init(&body);
    int32_t code = http->exchange(own->host, &request, &status, NULL, &body.sink, err);
    if (code == TENON_OK) {
        snprintf(text, sizeof text, "[%u,\"", (unsigned)status);
        tenon_puts(out, text);
        tenon_write(out, body.text);
        tenon_puts(out, "\"]");
    }
    tenon_buffer_free(&body);
    return code;
}

static const tenon_action actions[] = {
    TENON_ACTION_WITH(gather, "gather", "Gives back what came.", TENON_ACTION_READ_ONLY,
                      TENON_OPTION("a", "integer", "-5..5", "", "required", "A number"), (i64, a),
                      (f64, b), (flag, c), (text, d), (json, e)),
    TENON_ACTION(do_what, "do", "Changes something.", 0, (text, what)),
    TENON_ACTION_WITH(do_what, "look", "Changes nothing.", TENON_ACTION_READ_ONLY,
                      TENON_OPTION("what", "text", "", "", "required", "What to do"), (text, what)),
    TENON_ACTION(ask, "ask", "Asks the host.", TENON_ACTION_READ_ONLY, (text, url),
                 (i64, timeout_ms)),
};

static void describe(tenon_plugin *plugin)
{
    plugin->settings = tenon_settings_;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
#ifdef HOSTILE_PER_INTEGRATION
    plugin->flags = TENON_PER_INTEGRATION;
#endif
    plugin->validate = validate;
    plugin->create = create;
    plugin->activate = activate;
    plugin->deactivate = deactivate;
    plugin->destroy = destroy;
    plugin->selectors = selectors;
    plugin->n_selectors = 1;
    plugin->transformer = &transformer;
    plugin->client = &client;
}

TENON_PLUGIN("hostile", "1.0", "Apache-2.0", describe);
