/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured logging: one line an event, logfmt or JSON, to stderr. Only reconcilers, main and cli
 * log above debug; lower rooms return errors. A per-thread scope adds who is working on what.
 *
 *   log_info("order ready", L_STR("url", url), L_INT("attempt", n));
 */
#ifndef CERTROLL_BASE_LOG_H
#define CERTROLL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL, LOG_FIELD_ERR } type;
    const char *name;
    const char *str;
    int64_t num;
    const struct err *err;
};

/* A field whose string or error is NULL is left out. */
#define L_STR(name_, v_) ((struct log_field){.type = LOG_FIELD_STR, .name = (name_), .str = (v_)})
#define L_INT(name_, v_) ((struct log_field){.type = LOG_FIELD_INT, .name = (name_), .num = (v_)})
#define L_BOOL(name_, v_) ((struct log_field){.type = LOG_FIELD_BOOL, .name = (name_), .num = (v_)})
/* error=, error_kind= and error_reason= of a struct err, which stays the caller's. */
#define L_ERR(e_) ((struct log_field){.type = LOG_FIELD_ERR, .err = (e_)})
#define L_END ((struct log_field){.type = LOG_FIELD_END})

/* The start is info and logfmt. Any thread, any time. */
void log_configure(enum log_level level, enum log_format format);
/* Whether a line of that level would be written. Any thread. */
bool log_enabled(enum log_level level);
/* Writes one line with one write(2); fields end with L_END, NULL = none. A line is at most 8 KiB:
 * longer values are cut and end in "...", fields that no longer fit are left out. Control
 * characters are escaped, invalid UTF-8 becomes U+FFFD. Keeps errno. Any thread. */
void log_write(enum log_level level, const char *msg, const struct log_field *fields);

#define LOG_AT_(level_, msg_, ...)                                                                 \
    do {                                                                                           \
        if (log_enabled(level_))                                                                   \
            log_write(level_, msg_, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) L_END}); \
    } while (0)
#define log_debug(...) LOG_AT_(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT_(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT_(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT_(LOG_ERROR, __VA_ARGS__)

/* The scope of this thread: controller, object ("ns/name") and reconcile id (0 = none). Strings are
 * borrowed until log_scope_clear(). */
void log_scope_set(const char *controller, const char *object, uint64_t reconcile_id);
void log_scope_clear(void);

/* "debug" ... "error"; "logfmt" or "json". */
struct err *log_level_parse(const char *s, enum log_level *ret_level) MUST_CHECK;
struct err *log_format_parse(const char *s, enum log_format *ret_format) MUST_CHECK;

#endif
