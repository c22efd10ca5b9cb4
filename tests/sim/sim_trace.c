/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define LINES 40
#define REPORT_MAX (1024 * 1024)

struct sim_trace {
    char *lines[LINES]; /* a ring */
    size_t count;
    char *failure;
    enum sim_trace_kind kind;
};

struct sim_trace *sim_trace_new(enum sim_trace_kind kind)
{
    struct sim_trace *t = x_calloc(1, sizeof(*t));
    t->kind = kind;
    return t;
}

void sim_trace_free(struct sim_trace *t)
{
    for (size_t i = 0; i < LINES; i++)
        free(t->lines[i]);
    free(t->failure);
    free(t);
}

static void add_line(struct sim *s, const char *mark, const char *text)
{
    struct sim_trace *t = s->trace;
    char when[RFC3339_MAX];
    rfc3339_format_milli(sim_now(s), when);
    char **slot = &t->lines[t->count++ % LINES];
    free(*slot);
    *slot = x_printf("%s %s%s", when, mark, text);
    if (t->kind == SIM_TRACE_PRINTED)
        printf("%s\n", *slot);
}

void sim_note(struct sim *s, const char *fmt, ...)
{
    if (s->trace->kind == SIM_TRACE_NONE)
        return;
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = x_vprintf(fmt, ap);
    va_end(ap);
    add_line(s, "", text);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    if (s->trace->failure != NULL)
        return;
    va_list ap;
    va_start(ap, fmt);
    s->trace->failure = x_vprintf(fmt, ap);
    va_end(ap);
    add_line(s, "FAILED: ", s->trace->failure);
}

bool sim_failed(const struct sim *s)
{
    return s->trace->failure != NULL;
}

char *sim_trace_report(const struct sim_trace *t)
{
    if (t->failure == NULL)
        return NULL;
    AUTO(buf_release) struct buf b = BUF_INIT(REPORT_MAX);
    buf_putf(&b, "%s\n", t->failure);
    size_t first = t->count > LINES ? t->count - LINES : 0;
    for (size_t i = first; i < t->count; i++)
        buf_putf(&b, "    %s\n", t->lines[i % LINES]);
    return buf_take(&b);
}
