/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "check.h"

#include <stdalign.h>

enum { BLOCK_BYTES = 16384 }; /* of arena.c */

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct arena arena = {0};
    unsigned char *pieces[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        size_t bytes = i * 7 + 1; /* over many blocks */
        pieces[i] = arena_take(&arena, bytes);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i, bytes);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i * 7 + 1; k++)
            assert_int_equal(pieces[i][k], (unsigned char)i);
    arena_finish(&arena);
    assert_null(arena.blocks);
    arena_finish(&arena);
}

static void a_piece_may_be_larger_than_a_block(void **state)
{
    struct arena arena = {0};

    (void)state;
    char *small = arena_take(&arena, 8);
    char *large = arena_take(&arena, 5 * BLOCK_BYTES);
    assert_non_null(small);
    assert_non_null(large);
    memset(large, 'x', 5 * BLOCK_BYTES);
    assert_int_equal(small[0], 0);
    assert_non_null(arena_take(&arena, 1));
    arena_finish(&arena);
}

static void texts_are_copied_and_end_with_nul(void **state)
{
    struct arena arena = {0};
    char space[] = "abc";

    (void)state;
    struct str copy = arena_copy(&arena, (struct str){space, 2});
    space[0] = 'x';
    assert_str(copy, "ab");
    assert_int_equal(copy.ptr[2], '\0');
    copy = arena_copy(&arena, STR_NONE);
    assert_non_null(copy.ptr);
    assert_str(copy, "");
    arena_finish(&arena);
}

static void parts_are_joined(void **state)
{
    struct arena arena = {0};

    (void)state;
    struct str joined =
        arena_join(&arena, (const struct str[]){STR("POST"), STR_NONE, STR(" "), STR("/x")}, 4);
    assert_str(joined, "POST /x");
    assert_int_equal(joined.ptr[joined.len], '\0');
    joined = arena_join(&arena, NULL, 0);
    assert_non_null(joined.ptr);
    assert_str(joined, "");
    arena_finish(&arena);
}

/* Short ones are formatted once, long ones are measured first: the bound is at 256. */
static void formats_texts_of_every_length(void **state)
{
    struct arena arena = {0};

    (void)state;
    for (int width = 250; width < 262; width++) {
        struct str text = arena_printf(&arena, "%0*d", width, 7);
        assert_int_equal(text.len, width);
        assert_int_equal(text.ptr[width - 1], '7');
        assert_int_equal(text.ptr[width], '\0');
    }
    struct str huge = arena_printf(&arena, "%*s|", 2 * BLOCK_BYTES, "");
    assert_int_equal(huge.len, 2 * BLOCK_BYTES + 1);
    assert_int_equal(huge.ptr[huge.len - 1], '|');
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_piece_may_be_larger_than_a_block),
        cmocka_unit_test(texts_are_copied_and_end_with_nul),
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(formats_texts_of_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
