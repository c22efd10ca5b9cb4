/* SPDX-License-Identifier: Apache-2.0 */
/* What tests say about errors; include cmocka.h and what it needs first. */
#ifndef CERTROLL_TESTS_SUPPORT_EXPECT_H
#define CERTROLL_TESTS_SUPPORT_EXPECT_H

#include <string.h>

#include "base/err.h"

static inline void expect_ok(struct err *e)
{
    if (e != NULL)
        fail_msg("%s %s: %s", err_kind_str(e->kind), e->reason, e->message);
}

/* Frees e. reason and text (a part of the message) may be NULL. */
static inline void expect_err(struct err *e, enum err_kind kind, const char *reason,
                              const char *text)
{
    assert_non_null(e);
    if (e->kind != kind || (reason != NULL && strcmp(e->reason, reason) != 0) ||
        (text != NULL && strstr(e->message, text) == NULL))
        fail_msg("got %s %s: %s", err_kind_str(e->kind), e->reason, e->message);
    err_free(e);
}

#endif
