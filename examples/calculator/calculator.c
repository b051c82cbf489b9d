/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/json.h>
static int32_t add(void *self, int64_t a, int64_t b, tenon_sink *out, tenon_err *err)
{
    int64_t sum;
    (void)self;
    if (__builtin_add_overflow(a, b, &sum))
        return tenon_fail(err, TENON_E_VALIDATION, "the sum does not fit 64 bits");
    return tenon_json_write_integer(out, sum);
}
static int32_t divide(void *self, double a, double b, tenon_sink *out, tenon_err *err)
{
    (void)self;
    if (b == 0)
        return tenon_fail(err, TENON_E_VALIDATION, "b is 0, and nothing can be divided by it");
    return tenon_json_write_real(out, a / b);
}
static double to_kelvin(double value, const tenon_str *unit)
{
    if (tenon_equals(*unit, "fahrenheit"))
        return (value + 459.67) * 5 / 9;
    return tenon_equals(*unit, "celsius") ? value + 273.15 : value;
}
static int32_t convert(void *self, double value, const tenon_str *from, const tenon_str *to,
                       tenon_sink *out, tenon_err *err)
{
    double kelvin = to_kelvin(value, from);
    (void)self;
    if (kelvin < 0)
        return tenon_failf(err, TENON_E_VALIDATION, "%g %s is below absolute zero", value,
                           from->ptr);
    tenon_puts(out, "{\"value\":");
    tenon_json_write_real(out, tenon_equals(*to, "fahrenheit") ? kelvin * 9 / 5 - 459.67
                               : tenon_equals(*to, "celsius")  ? kelvin - 273.15
                                                               : kelvin);
    tenon_puts(out, ",\"unit\":");
    tenon_json_write_text(out, *to);
    return tenon_puts(out, "}");
}
static const tenon_action actions[] = {
    TENON_ACTION(add, "add", "Adds two whole numbers.", TENON_ACTION_READ_ONLY, (i64, a), (i64, b)),
    TENON_ACTION(divide, "divide", "Divides a by b.", TENON_ACTION_READ_ONLY, (f64, a), (f64, b)),
    TENON_ACTION_WITH(
        convert, "convert", "Converts a temperature.", TENON_ACTION_READ_ONLY,
        TENON_OPTION("from", "choice", "celsius,fahrenheit,kelvin", "", "required", "Unit it is in")
            TENON_OPTION("to", "choice", "celsius,fahrenheit,kelvin", "kelvin", "", "Unit wanted"),
        (f64, value), (text, from), (text, to)),
};
static void describe(tenon_plugin *plugin)
{
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}
TENON_PLUGIN("calculator", "1.0", "Apache-2.0", describe);
