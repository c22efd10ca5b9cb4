/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where pieces of streams wait for their consumer. The I/O thread puts in what arrived, unparsed; the
 * consumer cuts it into lines, in place where it can. Internal to this room.
 *
 * An inflow is a stream as the inbox sees it: what it has waiting, whether it is paused, and its
 * unfinished line. All its fields are guarded by the inbox's lock.
 */
#ifndef CERTROLL_NET_INBOX_H
#define CERTROLL_NET_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "net/http_client.h"

struct inflow {
    struct http_inbox *inbox;
    struct http_stream *stream; /* told to the consumer */
    void *arg;
    enum http_framing framing;
    bool secret;
    /* Both are called with the lock held: they may only post. */
    void (*resume)(struct inflow *f); /* it was paused and may go on */
    void (*abort)(struct inflow *f);  /* the consumer gave it up: nothing is taken any more */

    size_t queued; /* bytes held: waiting, or in messages that are not released */
    size_t blocks;
    bool paused;
    bool ended;  /* HTTP_MSG_END was handed out */
    bool closed; /* the stream is gone; the last block frees the inflow */
    struct buf partial;
};

/* Owned by the caller until inflow_close(). */
struct inflow *inflow_new(struct http_inbox *in);

enum inflow_result { INFLOW_TAKEN, INFLOW_PAUSED, INFLOW_OVER };

/* The I/O thread's side. */
void inflow_head(struct inflow *f, int status, char *retry_after_take);
/* PAUSED: nothing was taken; resume() will be called. OVER: the consumer wants no more. */
enum inflow_result inflow_data(struct inflow *f, const char *data, size_t len);
void inflow_end(struct inflow *f, struct err *e_take);

/* Drops what waits; messages already handed out stay valid until released. The I/O thread must have
 * let go of it. */
void inflow_close(struct inflow *f);

#endif
