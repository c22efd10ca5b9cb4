/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type. NULL is success; anything else is owned by the caller, who frees it, wraps it
 * or returns it. The kind alone picks the back-off; reason and message become the condition and the
 * Event, so a message says what, where and what to do. Errors are not shared between threads.
 */
#ifndef CERTROLL_BASE_ERR_H
#define CERTROLL_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum err_kind {
    ERR_INVALID,      /* the input is wrong: trying again changes nothing until it changes */
    ERR_DENIED,       /* credentials or permissions: 401, 403, ACME unauthorized */
    ERR_NOT_FOUND,    /* the thing is not there (yet) */
    ERR_CONFLICT,     /* somebody else was faster: read again */
    ERR_RATE_LIMITED, /* not before retry_at */
    ERR_TRANSIENT,    /* network, time-out, 5xx */
    ERR_CANCELLED,    /* we are stopping, or are no longer the leader */
    ERR_BUG,          /* cannot happen */
};

#define ERR_REASON_MAX 64
#define ERR_MESSAGE_MAX 4096 /* with the NUL */

struct err {
    enum err_kind kind;
    int http_status;             /* 0 when the error is not an HTTP answer */
    bool by_api_server;          /* Kubernetes' own word: whoever else was asked has not refused */
    char reason[ERR_REASON_MAX]; /* CamelCase, fit for a condition */
    char *message;               /* one line of UTF-8, contexts included: "outer: inner" */
    int64_t retry_at;            /* wall clock, ns since the epoch; 0 = the back-off decides */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define NEVER_NULL __attribute__((returns_nonnull))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Makes an error. Message is printf-like, truncated at 4 KiB and sanitized (str_sanitize), because
 * it ends up in conditions and may quote a peer. Never fails, never NULL. */
struct err *err_new(enum err_kind kind, const char *reason, const char *fmt, ...)
    MUST_CHECK NEVER_NULL PRINTF_LIKE(3, 4);

/* Puts "context: " before the message and returns the same error; NULL stays NULL. */
struct err *err_wrap(struct err *e, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* A deep copy, for one error that has two destinies (condition and Event). NULL stays NULL. */
struct err *err_dup(const struct err *e) MUST_CHECK;

/* Accepts NULL. */
void err_free(struct err *e);
void err_freep(struct err **e);

/* True when e is an error of that kind; NULL is never. */
bool err_is(const struct err *e, enum err_kind kind);

/* The name of the kind in snake_case, for logs and metrics. */
const char *err_kind_str(enum err_kind kind);

/* Frees e when it has this kind and returns NULL, else returns e: "absent is fine here". */
struct err *err_ignore(struct err *e, enum err_kind kind) MUST_CHECK;

/* Drops an error on purpose; the call site says why in a comment. */
#define err_drop(expr) err_free(expr)

/* Frees the error when the variable goes out of scope. */
#define AUTO_ERR __attribute__((cleanup(err_freep))) struct err *

/* Wraps and returns: the one control-flow macro. TRY(f(x), "loading %s", name) or TRY(f(x)). */
#define TRY(expr, ...)                                                                             \
    do {                                                                                           \
        struct err *try_err_ = (expr);                                                             \
        if (try_err_ != NULL)                                                                      \
            return __VA_OPT__(err_wrap)(try_err_ __VA_OPT__(, ) __VA_ARGS__);                      \
    } while (0)

#endif
