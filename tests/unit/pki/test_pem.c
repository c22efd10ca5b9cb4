/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "testca.h"

#define MAX 1024

/* Reads all blocks; *ret_count counts them, and the first one is checked to be "hello". */
static struct err *read_all(const char *text, size_t len, size_t *ret_count)
{
    struct pem_reader r = {.what = "thing", .reason = "BadThing"};
    TRY(pem_open(&r, text, len, MAX));
    for (*ret_count = 0;; ++*ret_count) {
        AUTO(pem_block_release) struct pem_block b = {0};
        TRY(pem_next(&r, &b));
        if (b.der == NULL)
            return NULL;
        if (*ret_count == 0) {
            assert_true(pem_is(&b, "A B"));
            assert_int_equal(b.der_len, 5);
            assert_memory_equal(b.der, "hello", 5);
        }
    }
}

static void blocks_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
        {"", 0},
        {"no block at all\n", 0},
        {"-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n", 1},
        {"-----BEGIN A B-----\naGVsbG8=\n-----END A B-----", 1},
        {"-----BEGIN A B-----\r\naGVs\r\nbG8=\r\n-----END A B-----\r\n", 1},
        {"-----BEGIN A B----- \t\n  aGVs \n\n\tbG8=\n-----END A B-----\n", 1},
        {"Bag Attributes\n-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\nthe end: --\n", 1},
        {"-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n"
         "-----BEGIN C-----\n-----END C-----\n",
         2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 99;
        assert_ok(read_all(cases[i].text, strlen(cases[i].text), &count));
        assert_int_equal(count, cases[i].count);
    }
}

static void broken_blocks_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"-----BEGIN A B-----\naGVsbG8=\n", "thing: PEM block 1 has no END line"},
        {"-----END A B-----\n", "has no BEGIN line"},
        {"-----BEGIN A B-----\naGVsbG8=\n-----END A C-----\n", "not closed by its own END line"},
        {"-----BEGIN A B-----\naGVsbG8=\n-----BEGIN A B-----\n", "not closed by its own END line"},
        {"-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n-----BEGIN A B-----\n",
         "PEM block 2 has no END line"},
        {"-----BEGIN A B\naGVsbG8=\n-----END A B-----\n", "malformed BEGIN line"},
        {"-----BEGIN -----\naGVsbG8=\n-----END -----\n", "malformed BEGIN line"},
        {"-----BEGIN A B-----\naGVsbG8\n-----END A B-----\n", "is not base64"},
        {"-----BEGIN A B-----\naGV$bG8=\n-----END A B-----\n", "is not base64"},
        {"-----BEGIN A B-----\nProc-Type: 4,ENCRYPTED\n\naGVsbG8=\n-----END A B-----\n",
         "is it encrypted?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count;
        assert_refused(read_all(cases[i].text, strlen(cases[i].text), &count), "BadThing",
                       cases[i].message);
    }
}

static void bytes_that_are_not_text_are_refused(void **state)
{
    (void)state;
    static const char nul[] = "-----BEGIN A B-----\naGV\0sbG8=\n-----END A B-----\n";
    size_t count;
    assert_refused(read_all(nul, sizeof(nul) - 1, &count), "BadThing", "a NUL byte");
    char big[MAX + 1];
    memset(big, '\n', sizeof(big));
    assert_refused(read_all(big, sizeof(big), &count), "BadThing",
                   "1025 bytes of PEM, at most 1024 are accepted");
    assert_ok(read_all(big, MAX, &count));
}

static void messages_do_not_show_the_input(void **state)
{
    (void)state;
    static const char text[] = "-----BEGIN A B-----\nc2VjcmV0!\n-----END A B-----\n";
    size_t count;
    AUTO_ERR e = read_all(text, strlen(text), &count);
    assert_non_null(e);
    assert_null(strstr(e->message, "c2VjcmV0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found),
        cmocka_unit_test(broken_blocks_are_refused),
        cmocka_unit_test(bytes_that_are_not_text_are_refused),
        cmocka_unit_test(messages_do_not_show_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
