/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: owns one curl_multi, driven by epoll through libcurl's socket interface, so that
 * an event costs the same with ten open streams or a thousand. Other threads post tasks. Internal to
 * this room.
 */
#ifndef CERTROLL_NET_IO_LOOP_H
#define CERTROLL_NET_IO_LOOP_H

#include <curl/curl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct io_loop;
/* Starts the thread. */
struct err *io_loop_new(struct io_loop **ret_loop) MUST_CHECK;
/* Ends all transfers as cancelled, and each that starts from now on. Any thread. */
void io_loop_cancel_all(struct io_loop *l);
/* Runs what was posted, then joins the thread. Nobody may post any more. */
void io_loop_free(struct io_loop *l);

/* ---- any thread ------------------------------------------------------------------------------- */

/* Work for the I/O thread, embedded in what it is about. */
struct io_task {
    void (*run)(struct io_task *t);
    struct io_task *prev, *next;
    bool queued;
};
/* Tasks run in the order they were posted; nothing happens when t waits already. */
void io_loop_post(struct io_loop *l, struct io_task *t);
/* Takes t back; returns only when it is not running. Not from the I/O thread. */
void io_loop_unpost(struct io_loop *l, struct io_task *t);

/* Blocks one thread until another opens it. The waiter may release it as soon as it is through. */
struct io_latch {
    sem_t opened;
};
void io_latch_init(struct io_latch *latch);
void io_latch_release(struct io_latch *latch);
void io_latch_open(struct io_latch *latch);
void io_latch_wait(struct io_latch *latch);

/* ---- the I/O thread only ---------------------------------------------------------------------- */

/* A running easy handle. */
struct io_transfer {
    CURL *easy; /* NULL = not running */
    /* The transfer ended by itself (the handle is out of the multi, still t->easy), or is cancelled
     * by io_loop_cancel_all(). Calls io_transfer_start() for another hop or io_transfer_end(). */
    void (*ended)(struct io_transfer *t, CURLcode code, bool cancelled);
    struct io_transfer *prev, *next;
    bool in_multi;
};
/* A handle for a new transfer, reset. */
CURL *io_loop_take_easy(struct io_loop *l);
/* Back to the pool, or destroyed when it may hold secrets. */
void io_loop_give_easy(struct io_loop *l, CURL *easy, bool wipe);
/* Starts t->easy, which was set up. False when everything is being cancelled. */
bool io_transfer_start(struct io_loop *l, struct io_transfer *t);
/* Stops the transfer wherever it is and gives the handle back; harmless when it does not run. */
void io_transfer_end(struct io_loop *l, struct io_transfer *t, bool wipe);

struct io_timer {
    int64_t at;                       /* mono ns */
    void (*fire)(struct io_timer *t); /* once; the timer is disarmed before */
    struct io_timer *prev, *next;
    bool armed;
};
/* Arms, or moves the time: cheap when it moves back, which is the common case. */
void io_timer_set(struct io_loop *l, struct io_timer *t, int64_t mono_at);
void io_timer_clear(struct io_loop *l, struct io_timer *t);

#endif
