/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is built in a fixed buffer in pieces that fit whole or not at all (a character, an escape,
 * a key), so that a line that is cut is still well-formed.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define LINE_MAX_BYTES 8192
#define VALUE_MAX_BYTES 6144 /* one long value leaves room for the others */
#define END_MAX_BYTES 8      /* ...", } and newline */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static _Atomic enum log_level minimum = LOG_INFO;
static _Atomic enum log_format line_format = LOG_LOGFMT;

/* A write to a pipe is only atomic up to 4 KiB. */
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local struct {
    const char *controller;
    const char *object;
    uint64_t reconcile_id;
} scope;

struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
    size_t limit; /* of the piece that is being written */
    bool json;
};

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store(&minimum, level);
    atomic_store(&line_format, format);
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load(&minimum);
}

void log_scope_set(const char *controller, const char *object, uint64_t reconcile_id)
{
    scope.controller = controller;
    scope.object = object;
    scope.reconcile_id = reconcile_id;
}

void log_scope_clear(void)
{
    log_scope_set(NULL, NULL, 0);
}

static bool put(struct line *l, const char *s, size_t len)
{
    if (len > l->limit - l->len)
        return false;
    memcpy(l->data + l->len, s, len);
    l->len += len;
    return true;
}

static bool puts_line(struct line *l, const char *s)
{
    return put(l, s, strlen(s));
}

/* Whether logfmt can carry s bare: printable ASCII that is neither a space nor its syntax. */
static bool is_bare(const char *s)
{
    for (const char *p = s; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '=' || *p == '\\')
            return false;
    }
    return *s != '\0';
}

/* One character of len bytes (0: one byte that is not UTF-8), escaped as in a JSON string. */
static bool put_escaped(struct line *l, const char *s, size_t len)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt"; /* pairs: the character, its escape */
    if (len == 0)
        return puts_line(l, "\xEF\xBF\xBD");
    for (size_t i = 0; len == 1 && i + 1 < sizeof(shorts); i += 2) {
        if (*s == shorts[i])
            return put(l, (const char[]){'\\', shorts[i + 1]}, 2);
    }
    if (!utf8_is_control(s, len))
        return put(l, s, len);
    char escape[8];
    snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)s[len - 1]);
    return puts_line(l, escape);
}

/* A quoted string of at most VALUE_MAX_BYTES; what is cut ends in "...". */
static void put_quoted(struct line *l, const char *s)
{
    puts_line(l, "\"");
    size_t outer = l->limit;
    if (outer - l->len > VALUE_MAX_BYTES)
        l->limit = l->len + VALUE_MAX_BYTES;
    size_t left = strlen(s);
    bool fits = true;
    while (left > 0 && fits) {
        size_t n = utf8_char(s, left);
        fits = put_escaped(l, s, n);
        s += n > 0 ? n : 1;
        left -= n > 0 ? n : 1;
    }
    l->limit = sizeof(l->data);
    puts_line(l, fits ? "\"" : "...\"");
    l->limit = outer > l->len ? outer : l->len;
}

/* The separator and the name; false when the line is full. */
static bool put_key(struct line *l, const char *name)
{
    size_t start = l->len;
    const char *separator = l->json ? (start > 1 ? ",\"" : "\"") : (start > 0 ? " " : "");
    /* Room for the opening quote as well, so that a value can always be begun. */
    if (puts_line(l, separator) && puts_line(l, name) && puts_line(l, l->json ? "\":" : "=") &&
        l->limit - l->len > 1)
        return true;
    l->len = start;
    return false;
}

static void put_str(struct line *l, const char *name, const char *s)
{
    if (s == NULL || !put_key(l, name))
        return;
    if (!l->json && is_bare(s) && strlen(s) <= VALUE_MAX_BYTES && puts_line(l, s))
        return;
    put_quoted(l, s);
}

/* A number or a boolean: all of it or nothing. */
static void put_literal(struct line *l, const char *name, const char *s)
{
    size_t start = l->len;
    if (put_key(l, name) && !puts_line(l, s))
        l->len = start;
}

static void put_int(struct line *l, const char *name, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)value);
    put_literal(l, name, digits);
}

static void put_err(struct line *l, const struct err *e)
{
    if (e == NULL)
        return;
    put_str(l, "error", e->message);
    put_str(l, "error_kind", err_kind_str(e->kind));
    put_str(l, "error_reason", e->reason[0] != '\0' ? e->reason : NULL);
}

static void put_field(struct line *l, const struct log_field *f)
{
    switch (f->type) {
    case LOG_FIELD_STR:
        put_str(l, f->name, f->str);
        break;
    case LOG_FIELD_INT:
        put_int(l, f->name, f->num);
        break;
    case LOG_FIELD_BOOL:
        put_literal(l, f->name, f->num != 0 ? "true" : "false");
        break;
    case LOG_FIELD_ERR:
        put_err(l, f->err);
        break;
    case LOG_FIELD_END:
        break;
    }
}

static void put_head(struct line *l, enum log_level level, const char *msg)
{
    char now[RFC3339_MAX];
    rfc3339_format_milli(clock_wall(clock_system()), now);
    put_str(l, "ts", now);
    put_str(l, "level", (size_t)level < ARRAY_LEN(level_names) ? level_names[level] : "unknown");
    put_str(l, "msg", msg);
    put_str(l, "controller", scope.controller);
    put_str(l, "object", scope.object);
    if (scope.reconcile_id != 0) {
        char id[24];
        snprintf(id, sizeof(id), "%llu", (unsigned long long)scope.reconcile_id);
        put_literal(l, "reconcile", id);
    }
}

static void write_line(const struct line *l)
{
    pthread_mutex_lock(&write_lock);
    size_t done = 0;
    while (done < l->len) {
        ssize_t n = write(STDERR_FILENO, l->data + done, l->len - done);
        if (n < 0 && errno != EINTR)
            break; /* nowhere to say that logging fails */
        if (n > 0)
            done += (size_t)n;
    }
    pthread_mutex_unlock(&write_lock);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
    int saved = errno;
    struct line l;
    l.len = 0;
    l.limit = sizeof(l.data) - END_MAX_BYTES;
    l.json = atomic_load(&line_format) == LOG_JSON;
    if (l.json)
        puts_line(&l, "{");
    put_head(&l, level, msg);
    for (; fields != NULL && fields->type != LOG_FIELD_END; fields++)
        put_field(&l, fields);
    l.limit = sizeof(l.data);
    puts_line(&l, l.json ? "}\n" : "\n");
    write_line(&l);
    errno = saved;
}

struct err *log_level_parse(const char *s, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq(s, level_names[i])) {
            *ret_level = (enum log_level)i;
            return NULL;
        }
    }
    return err_new(ERR_INVALID, "InvalidLogLevel",
                   "log level \"%.40s\": use debug, info, warn or error", s != NULL ? s : "");
}

struct err *log_format_parse(const char *s, enum log_format *ret_format)
{
    if (!str_eq(s, "logfmt") && !str_eq(s, "json"))
        return err_new(ERR_INVALID, "InvalidLogFormat", "log format \"%.40s\": use logfmt or json",
                       s != NULL ? s : "");
    *ret_format = str_eq(s, "json") ? LOG_JSON : LOG_LOGFMT;
    return NULL;
}
