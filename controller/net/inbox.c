/* SPDX-License-Identifier: Apache-2.0 */
#include "net/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* A piece of a stream. Messages point into it: it lives until the last of them is released. */
struct http_block {
    struct http_block *next;
    struct inflow *flow;
    enum http_message_type type;
    int status;
    char *retry_after;
    struct err *err;
    unsigned users; /* the inbox's queue and each message */
    char *data;     /* bytes, or a line that was put together */
    size_t len;
    size_t pos; /* what comes before was handed out */
    char bytes[];
};

struct http_inbox {
    size_t quota;
    size_t max_line;
    pthread_mutex_t lock; /* everything below, and all inflows */
    pthread_cond_t arrived;
    struct http_block *first, *last;
    bool woken;
};

struct http_inbox *http_inbox_new(size_t quota, size_t max_line)
{
    struct http_inbox *in = x_calloc(1, sizeof(*in));
    in->quota = quota;
    in->max_line = max_line;
    pthread_mutex_init(&in->lock, NULL);
    cond_init_mono(&in->arrived);
    return in;
}

void http_inbox_free(struct http_inbox *in)
{
    if (in == NULL)
        return;
    pthread_cond_destroy(&in->arrived);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

void http_inbox_wake(struct http_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->woken = true;
    pthread_cond_signal(&in->arrived);
    pthread_mutex_unlock(&in->lock);
}

/* ---- blocks; the lock is held unless said otherwise ------------------------------------------- */

static size_t block_cost(size_t len)
{
    return sizeof(struct http_block) + len;
}

/* Without the lock. */
static struct http_block *block_new(struct inflow *f, enum http_message_type type, const char *data,
                                    size_t len)
{
    struct http_block *b = x_alloc(sizeof(*b) + len + 1);
    *b = (struct http_block){.flow = f, .type = type, .users = 1, .data = b->bytes, .len = len};
    if (len > 0)
        memcpy(b->bytes, data, len);
    b->bytes[len] = '\0';
    return b;
}

static void inflow_free(struct inflow *f)
{
    buf_release(&f->partial);
    free(f);
}

static void block_free(struct http_block *b)
{
    if (b->flow->secret)
        wipe(b->data, b->len);
    if (b->data != b->bytes)
        free(b->data);
    free(b->retry_after);
    err_free(b->err);
    free(b);
}

/* One user less. Resumes the stream at half its quota, so that it does not stop and go per line. */
static void block_drop(struct http_block *b)
{
    if (--b->users > 0)
        return;
    struct inflow *f = b->flow;
    f->queued -= block_cost(b->len);
    f->blocks--;
    block_free(b);
    if (f->closed) {
        if (f->blocks == 0)
            inflow_free(f);
    } else if (f->paused && f->queued <= f->inbox->quota / 2) {
        f->paused = false;
        f->resume(f);
    }
}

static void pop_first(struct http_inbox *in)
{
    struct http_block *b = in->first;
    in->first = b->next;
    if (in->first == NULL)
        in->last = NULL;
    block_drop(b);
}

static void drop_all_of(struct http_inbox *in, const struct inflow *f)
{
    struct http_block **link = &in->first;
    in->last = NULL;
    while (*link != NULL) {
        struct http_block *b = *link;
        if (b->flow == f) {
            *link = b->next;
            block_drop(b);
        } else {
            in->last = b;
            link = &b->next;
        }
    }
}

/* ---- the I/O thread's side -------------------------------------------------------------------- */

struct inflow *inflow_new(struct http_inbox *in)
{
    struct inflow *f = x_calloc(1, sizeof(*f));
    f->inbox = in;
    f->partial = BUF_INIT(in->max_line);
    return f;
}

/* Takes the block. */
static bool push(struct http_block *b)
{
    struct inflow *f = b->flow;
    struct http_inbox *in = f->inbox;
    pthread_mutex_lock(&in->lock);
    bool taken = !f->ended;
    if (taken) {
        f->queued += block_cost(b->len);
        f->blocks++;
        if (in->last != NULL)
            in->last->next = b;
        else
            in->first = b;
        in->last = b;
    } else {
        block_free(b);
    }
    pthread_mutex_unlock(&in->lock);
    if (taken) /* the consumer needs the lock; it does not free the inbox before this stream is closed */
        pthread_cond_signal(&in->arrived);
    return taken;
}

void inflow_head(struct inflow *f, int status, char *retry_after_take)
{
    struct http_block *b = block_new(f, HTTP_MSG_HEAD, NULL, 0);
    b->status = status;
    b->retry_after = retry_after_take;
    push(b);
}

enum inflow_result inflow_data(struct inflow *f, const char *data, size_t len)
{
    struct http_inbox *in = f->inbox;
    pthread_mutex_lock(&in->lock);
    bool fits = f->queued == 0 || f->queued + block_cost(len) <= in->quota;
    bool ended = f->ended;
    f->paused = !fits && !ended;
    pthread_mutex_unlock(&in->lock);
    if (ended)
        return INFLOW_OVER;
    if (!fits)
        return INFLOW_PAUSED;
    return push(block_new(f, HTTP_MSG_DATA, data, len)) ? INFLOW_TAKEN : INFLOW_OVER;
}

void inflow_end(struct inflow *f, struct err *e_take)
{
    struct http_block *b = block_new(f, HTTP_MSG_END, NULL, 0);
    b->err = e_take;
    push(b);
}

void inflow_close(struct inflow *f)
{
    struct http_inbox *in = f->inbox;
    pthread_mutex_lock(&in->lock);
    f->paused = false; /* nothing is left to resume */
    drop_all_of(in, f);
    f->closed = true;
    if (f->blocks == 0)
        inflow_free(f);
    pthread_mutex_unlock(&in->lock);
}

/* ---- the consumer's side ---------------------------------------------------------------------- */

static struct http_message message_of(struct http_block *b)
{
    b->users++;
    return (struct http_message){
        .type = b->type,
        .arg = b->flow->arg,
        .stream = b->flow->stream,
        .status = b->status,
        .retry_after = TAKE(b->retry_after),
        .err = TAKE(b->err),
        .block = b,
    };
}

/* What the partial line holds, as a message with a block of its own. */
static struct http_message take_partial(struct inflow *f)
{
    struct http_block *b = block_new(f, HTTP_MSG_DATA, NULL, 0);
    b->len = f->partial.len;
    b->data = buf_take(&f->partial);
    f->queued += block_cost(b->len);
    f->blocks++;
    struct http_message m = message_of(b);
    block_drop(b); /* the queue never had it */
    m.data = b->data;
    m.len = b->len;
    return m;
}

static struct http_message give_up(struct inflow *f)
{
    struct http_inbox *in = f->inbox;
    f->ended = true;
    f->abort(f);
    drop_all_of(in, f);
    struct http_message m = {.type = HTTP_MSG_END, .arg = f->arg, .stream = f->stream};
    m.err =
        err_new(ERR_TRANSIENT, "TooLarge", "a line of the stream exceeds %zu bytes", in->max_line);
    return m;
}

/* Moves bytes to the unfinished line; false when it is too long. */
static bool add_partial(struct inflow *f, const char *data, size_t len)
{
    struct err *e = buf_add(&f->partial, data, len);
    bool ok = e == NULL;
    err_free(e);
    return ok;
}

/* Takes the next line out of the first block, which is data; false: it had none and is gone. */
static bool take_line(struct http_inbox *in, struct http_message *ret_msg)
{
    struct http_block *b = in->first;
    struct inflow *f = b->flow;
    char *start = b->data + b->pos;
    char *newline = memchr(start, '\n', b->len - b->pos);
    size_t len = newline != NULL ? (size_t)(newline - start) : b->len - b->pos;
    b->pos += len + (newline != NULL ? 1 : 0);
    bool whole = newline != NULL && f->partial.len == 0 && len <= in->max_line;
    if (whole) {
        *newline = '\0';
        *ret_msg = message_of(b);
        ret_msg->data = start;
        ret_msg->len = len;
    } else if (!add_partial(f, start, len)) {
        *ret_msg = give_up(f);
        return true;
    } else if (newline != NULL) {
        *ret_msg = take_partial(f);
    }
    if (b->pos == b->len)
        pop_first(in);
    return newline != NULL;
}

static bool take_message(struct http_inbox *in, struct http_message *ret_msg)
{
    struct http_block *b = in->first;
    struct inflow *f = b->flow;
    if (b->type == HTTP_MSG_DATA && f->framing == HTTP_LINES)
        return take_line(in, ret_msg);
    if (b->type == HTTP_MSG_END && b->err == NULL && f->partial.len > 0) {
        *ret_msg = take_partial(f); /* the last line has no newline */
        return true;
    }
    f->ended = b->type == HTTP_MSG_END;
    *ret_msg = message_of(b);
    if (b->type == HTTP_MSG_DATA) {
        ret_msg->data = b->data;
        ret_msg->len = b->len;
    }
    pop_first(in);
    return true;
}

bool http_inbox_next(struct http_inbox *in, int64_t mono_deadline, struct http_message *ret_msg)
{
    pthread_mutex_lock(&in->lock);
    bool got = false;
    bool in_time = true;
    while (!got && !in->woken && in_time) {
        if (in->first != NULL)
            got = take_message(in, ret_msg);
        else
            in_time = cond_wait_until(&in->arrived, &in->lock, mono_deadline);
    }
    if (!got)
        in->woken = false;
    pthread_mutex_unlock(&in->lock);
    return got;
}

void http_message_release(struct http_message *m)
{
    free(m->retry_after);
    err_free(m->err);
    if (m->block != NULL) {
        struct http_inbox *in = m->block->flow->inbox;
        pthread_mutex_lock(&in->lock);
        block_drop(m->block);
        pthread_mutex_unlock(&in->lock);
    }
    *m = (struct http_message){0};
}
