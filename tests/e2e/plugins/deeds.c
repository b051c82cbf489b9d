/* SPDX-License-Identifier: Apache-2.0
 * Actions that go wrong, each in its own way: by class, by crash, by hanging, by what they write.
 */
#include <tenon/json.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int32_t fail(void *self, int64_t class_number, const tenon_str *words, tenon_sink *out,
                    tenon_err *err)
{
    (void)self, (void)out;
    err->retry_after_ms = 1500;
    return tenon_fail(err, (int32_t)-class_number, words->ptr);
}

static int32_t misbehave(void *self, const tenon_str *how, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    if (tenon_equals(*how, "crash"))
        raise(SIGSEGV);
    if (tenon_equals(*how, "exit"))
        exit(0);
    while (tenon_equals(*how, "hang"))
        pause();
    if (tenon_equals(*how, "slow"))
        sleep(3); /* longer than the shortest call_timeout of the tests */
    if (tenon_equals(*how, "no_json"))
        return tenon_puts(out, "{\"half\":");
    if (tenon_equals(*how, "odd_status"))
        return 77;
    static const char block[1 << 16];
    while (tenon_equals(*how, "huge") && out->write(out, block, sizeof block) == TENON_OK)
        continue;
    return TENON_OK;
}

/* Everything that came, as it came. */
static int32_t echo(void *self, int64_t count, int64_t wait, double ratio, int32_t on,
                    const tenon_str *text, const tenon_str *data, const tenon_str *key,
                    tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    tenon_puts(out, "[");
    tenon_json_write_integer(out, count);
    tenon_puts(out, ",");
    tenon_json_write_integer(out, wait);
    tenon_puts(out, ",");
    tenon_json_write_real(out, ratio);
    tenon_puts(out, on ? ",true," : ",false,");
    tenon_json_write_text(out, *text);
    tenon_puts(out, ",");
    tenon_write(out, *data);
    tenon_puts(out, ",");
    tenon_json_write_integer(out, (int64_t)key->len);
    return tenon_puts(out, "]");
}

static int32_t repeat(void *self, const tenon_str *text, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    return tenon_json_write_text(out, *text);
}

static int32_t nothing(void *self, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)out, (void)err;
    return TENON_OK;
}

static const tenon_action actions[] = {
    TENON_ACTION(fail, "fail", "Fails by class.", TENON_ACTION_READ_ONLY, (i64, class_number),
                 (text, words)),
    TENON_ACTION(misbehave, "misbehave", "Goes wrong.", 0, (text, how)),
    TENON_ACTION(misbehave, "look", "Goes wrong and changes nothing.", TENON_ACTION_READ_ONLY,
                 (text, how)),
    TENON_ACTION_WITH(
        echo, "echo", "Says what came.", TENON_ACTION_READ_ONLY,
        TENON_OPTION("count", "integer", "1..100", "", "required", "How many")
            TENON_OPTION("wait", "duration", "..1h", "30s", "", "How long")
                TENON_OPTION("ratio", "number", "0..1", "0.5", "", "A share")
                    TENON_OPTION("on", "boolean", "", "yes", "", "Whether")
                        TENON_OPTION("text", "text", "", "", "", "Any words")
                            TENON_OPTION("data", "text", "", "{\"a\":1}", "", "Any JSON")
                                TENON_OPTION("key", "text", "", "", "secret", "A secret"),
        (i64, count), (i64, wait), (f64, ratio), (flag, on), (text, text), (json, data),
        (text, key)),
    TENON_ACTION(repeat, "repeat", "Gives a text back.", TENON_ACTION_READ_ONLY, (text, text)),
    TENON_ACTION_PLAIN(nothing, "nothing", "Does nothing.", TENON_ACTION_DESTRUCTIVE),
};

static void describe(tenon_plugin *plugin)
{
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}
TENON_PLUGIN("deeds", "1.0", "Apache-2.0", describe);
