/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read by clang-tidy before each file: what the analyzer cannot know about functions in other files. Without it
 * every `return err_new(...)` might be a success that left its out-parameters unset.
 * Files that define one of these functions are read without it.
 */
#ifndef CERTROLL_HACK_TIDY_MODEL_H
#define CERTROLL_HACK_TIDY_MODEL_H

#include "base/err.h"

static inline struct err *tidy_not_null(struct err *e)
{
    if (e == 0)
        __builtin_unreachable();
    return e;
}

/* An error that is wrapped stays one. */
static inline struct err *tidy_same_outcome(const struct err *before, struct err *after)
{
    if ((before == 0) != (after == 0))
        __builtin_unreachable();
    return after;
}

#define err_new(...) tidy_not_null(err_new(__VA_ARGS__))
#define err_wrap(e, ...)                                                                           \
    __extension__({                                                                                \
        struct err *tidy_e_ = (e);                                                                 \
        tidy_same_outcome(tidy_e_, err_wrap(tidy_e_, __VA_ARGS__));                                \
    })

#ifdef TIDY_ROOM_pki
#include "pki/internal.h"
#define openssl_err(...) tidy_not_null(openssl_err(__VA_ARGS__))
#define openssl_must(ok)                                                                           \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_unreachable();                                                               \
    } while (0)
#endif

#endif
