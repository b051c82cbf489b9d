/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pattern.h"

#include <errno.h>

static bool is_word(struct str word)
{
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return word.len > 0;
}

/* The word at the front of *rest, which then begins behind its dot. An end on a dot leaves an empty
 * word to come: rest->ptr is NULL when there is none. */
static struct str cut_word(struct str *rest)
{
    const char *dot = memchr(rest->ptr, '.', rest->len);
    struct str word = {rest->ptr, dot != NULL ? (size_t)(dot - rest->ptr) : rest->len};

    *rest = dot != NULL ? (struct str){dot + 1, rest->len - word.len - 1} : STR_NONE;
    return word;
}

static int check(struct str text, const char *what, bool is_pattern, struct err *err)
{
    struct str rest = text;
    int words = 0;

    if (text.len == 0)
        return err_set(err, -EINVAL, "%s is empty: expected words with dots between, as in %s",
                       what, is_pattern ? "order.*" : "order.paid");
    if (text.len > PATTERN_BYTES_MAX)
        return err_set(err, -EINVAL, "%s has %zu bytes; the most is %d", what, text.len,
                       PATTERN_BYTES_MAX);
    while (rest.ptr != NULL) {
        struct str word = cut_word(&rest);
        bool is_tail = is_pattern && str_is(word, "**");

        if (is_tail && rest.ptr != NULL)
            return err_set(err, -EINVAL, "%s '%.*s': ** may only be the last word", what,
                           STR_ARG(text));
        if (!is_tail && !(is_pattern && str_is(word, "*")) && !is_word(word))
            return err_set(
                err, -EINVAL, "%s '%.*s': '%.*s' is not a word of letters, digits, _ and -%s", what,
                STR_ARG(text), STR_ARG(word),
                is_pattern ? "; * stands for one word, ** at the end for all that follow" : "");
        if (++words > PATTERN_WORDS_MAX)
            return err_set(err, -EINVAL, "%s '%.*s' has more than %d words", what, STR_ARG(text),
                           PATTERN_WORDS_MAX);
    }
    return 0;
}

int pattern_check_name(struct str name, const char *what, struct err *err)
{
    return check(name, what, false, err);
}

int pattern_check(struct str pattern, struct err *err)
{
    return check(pattern, "the pattern", true, err);
}

bool pattern_matches(struct str pattern, struct str name)
{
    if (pattern.len == 0 || name.len == 0)
        return false;
    while (pattern.ptr != NULL && name.ptr != NULL) {
        struct str wanted = cut_word(&pattern);
        struct str word;

        if (str_is(wanted, "**"))
            return true;
        word = cut_word(&name);
        if (!str_is(wanted, "*") && !str_equals(wanted, word))
            return false;
    }
    return pattern.ptr == NULL && name.ptr == NULL;
}
