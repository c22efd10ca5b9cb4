/* SPDX-License-Identifier: Apache-2.0 */
#include "net/io_loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define IDLE_HANDLES_MAX 32
#define IDLE_CONNECTIONS_MAX 64
#define EVENTS_MAX 64
#define NEVER INT64_MAX

struct io_loop {
    pthread_t thread;
    CURLM *multi;
    int epoll_fd;
    int wake_fd;

    pthread_mutex_t lock; /* the block below */
    pthread_cond_t task_over;
    struct io_task *first, *last;
    const struct io_task *running;
    bool cancel_all;
    bool quit;

    /* of the I/O thread */
    bool cancelling;
    struct io_transfer *transfers;
    long transfer_count;
    struct io_timer *timers;
    int64_t timers_due; /* no timer is due before */
    int64_t curl_due;
    CURL *idle[IDLE_HANDLES_MAX];
    unsigned idle_count;
};

/* ---- latch ------------------------------------------------------------------------------------ */

void io_latch_init(struct io_latch *latch)
{
    if (sem_init(&latch->opened, 0, 0) != 0)
        abort();
}

void io_latch_release(struct io_latch *latch)
{
    sem_destroy(&latch->opened);
}

/* A semaphore, because it wakes the waiter once: under a mutex it would wake to wait for that. The waiter may release
 * it while this still returns. */
void io_latch_open(struct io_latch *latch)
{
    sem_post(&latch->opened);
}

void io_latch_wait(struct io_latch *latch)
{
    while (sem_wait(&latch->opened) != 0)
        continue; /* EINTR */
}

/* ---- tasks ------------------------------------------------------------------------------------ */

static void wake(struct io_loop *l)
{
    uint64_t one = 1;
    /* A full counter wakes as well. */
    (void)!write(l->wake_fd, &one, sizeof(one));
}

void io_loop_post(struct io_loop *l, struct io_task *t)
{
    pthread_mutex_lock(&l->lock);
    bool was_empty = l->first == NULL;
    if (!t->queued) {
        t->queued = true;
        t->next = NULL;
        t->prev = l->last;
        if (l->last != NULL)
            l->last->next = t;
        else
            l->first = t;
        l->last = t;
    }
    pthread_mutex_unlock(&l->lock);
    if (was_empty)
        wake(l);
}

/* Lock held. */
static void unlink_task(struct io_loop *l, struct io_task *t)
{
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        l->first = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    else
        l->last = t->prev;
    t->queued = false;
}

void io_loop_unpost(struct io_loop *l, struct io_task *t)
{
    pthread_mutex_lock(&l->lock);
    if (t->queued)
        unlink_task(l, t);
    while (l->running == t)
        pthread_cond_wait(&l->task_over, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

/* A task may release the memory it is in: it is not touched after it ran. Returns whether to go on. */
static bool run_tasks(struct io_loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->cancelling = l->cancel_all;
    struct io_task *t;
    while ((t = l->first) != NULL) {
        unlink_task(l, t);
        l->running = t;
        pthread_mutex_unlock(&l->lock);
        t->run(t);
        pthread_mutex_lock(&l->lock);
        l->running = NULL;
        pthread_cond_broadcast(&l->task_over);
    }
    bool go_on = !l->quit;
    pthread_mutex_unlock(&l->lock);
    return go_on;
}

/* ---- timers ----------------------------------------------------------------------------------- */

void io_timer_set(struct io_loop *l, struct io_timer *t, int64_t mono_at)
{
    t->at = mono_at;
    if (mono_at < l->timers_due)
        l->timers_due = mono_at;
    if (t->armed)
        return;
    t->armed = true;
    t->prev = NULL;
    t->next = l->timers;
    if (l->timers != NULL)
        l->timers->prev = t;
    l->timers = t;
}

void io_timer_clear(struct io_loop *l, struct io_timer *t)
{
    if (!t->armed)
        return;
    t->armed = false;
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        l->timers = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

static struct io_timer *due_timer(struct io_loop *l, int64_t now)
{
    int64_t due = NEVER;
    for (struct io_timer *t = l->timers; t != NULL; t = t->next) {
        if (t->at <= now)
            return t;
        if (t->at < due)
            due = t->at;
    }
    l->timers_due = due;
    return NULL;
}

/* timers_due is a lower bound that only a scan raises. Timers are moved back far more often than
 * they fire, so there are few scans: one for each idle period and timer at most. */
static void fire_timers(struct io_loop *l)
{
    int64_t now = clock_mono(clock_system());
    struct io_timer *t;
    while (l->timers_due <= now && (t = due_timer(l, now)) != NULL) {
        io_timer_clear(l, t);
        t->fire(t);
    }
}

/* ---- transfers -------------------------------------------------------------------------------- */

CURL *io_loop_take_easy(struct io_loop *l)
{
    CURL *easy = l->idle_count > 0 ? l->idle[--l->idle_count] : curl_easy_init();
    if (easy == NULL)
        abort();
    return easy;
}

void io_loop_give_easy(struct io_loop *l, CURL *easy, bool wipe)
{
    if (wipe || l->idle_count == IDLE_HANDLES_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    l->idle[l->idle_count++] = easy;
}

/* libcurl counts open connections, the busy ones included, against one limit. */
static void count_transfers(struct io_loop *l, int change)
{
    l->transfer_count += change;
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, l->transfer_count + IDLE_CONNECTIONS_MAX);
}

bool io_transfer_start(struct io_loop *l, struct io_transfer *t)
{
    if (l->cancelling)
        return false;
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    count_transfers(l, 1);
    if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
        abort();
    t->in_multi = true;
    t->prev = NULL;
    t->next = l->transfers;
    if (l->transfers != NULL)
        l->transfers->prev = t;
    l->transfers = t;
    return true;
}

static void take_out(struct io_loop *l, struct io_transfer *t)
{
    if (!t->in_multi)
        return;
    t->in_multi = false;
    curl_multi_remove_handle(l->multi, t->easy);
    count_transfers(l, -1);
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        l->transfers = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

void io_transfer_end(struct io_loop *l, struct io_transfer *t, bool wipe)
{
    if (t->easy == NULL)
        return;
    take_out(l, t);
    io_loop_give_easy(l, TAKE(t->easy), wipe);
}

/* Hands finished transfers to their owners. */
static void reap(struct io_loop *l)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(l->multi, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result;
        struct io_transfer *t = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
        take_out(l, t);
        t->ended(t, code, false);
    }
    while (l->cancelling && l->transfers != NULL) {
        struct io_transfer *t = l->transfers;
        take_out(l, t);
        t->ended(t, CURLE_ABORTED_BY_CALLBACK, true);
    }
}

/* ---- the thread ------------------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct io_loop *l = arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event ev = {.data.fd = fd};
    if ((what & CURL_POLL_IN) != 0)
        ev.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        ev.events |= EPOLLOUT;
    /* An error returned from here would end the multi for good; what is left is lack of memory. */
    if (epoll_ctl(l->epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0)
        abort();
    curl_multi_assign(l->multi, fd, l);
    return 0;
}

static int64_t due_in(long ms)
{
    return ms < 0 ? NEVER : clock_mono(clock_system()) + ms * NS_PER_MS;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct io_loop *l = arg;
    (void)multi;
    l->curl_due = due_in(ms);
    return 0;
}

static void serve_timeouts(struct io_loop *l)
{
    if (l->curl_due > clock_mono(clock_system()))
        return;
    int running;
    curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    /* on_timer() is not called for a time that libcurl believes we know. */
    long ms = -1;
    curl_multi_timeout(l->multi, &ms);
    l->curl_due = due_in(ms);
}

static void serve_event(struct io_loop *l, const struct epoll_event *ev)
{
    if (ev->data.fd == l->wake_fd) {
        uint64_t count;
        (void)!read(l->wake_fd, &count, sizeof(count));
        return;
    }
    int what = 0;
    if ((ev->events & EPOLLIN) != 0)
        what |= CURL_CSELECT_IN;
    if ((ev->events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((ev->events & (EPOLLERR | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_ERR;
    int running;
    curl_multi_socket_action(l->multi, ev->data.fd, what, &running);
}

static int wait_ms(const struct io_loop *l)
{
    int64_t due = l->curl_due < l->timers_due ? l->curl_due : l->timers_due;
    if (due == NEVER)
        return -1;
    int64_t left = due - clock_mono(clock_system());
    if (left <= 0)
        return 0;
    int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void *io_thread(void *arg)
{
    struct io_loop *l = arg;
    pthread_setname_np(pthread_self(), "net");
    while (run_tasks(l)) {
        serve_timeouts(l);
        reap(l);
        fire_timers(l);
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait_ms(l));
        for (int i = 0; i < n; i++)
            serve_event(l, &events[i]);
    }
    return NULL;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void release_loop(struct io_loop *l)
{
    while (l->idle_count > 0)
        curl_easy_cleanup(l->idle[--l->idle_count]);
    curl_multi_cleanup(l->multi);
    close_fd(l->wake_fd);
    close_fd(l->epoll_fd);
    pthread_cond_destroy(&l->task_over);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static bool open_fds(struct io_loop *l)
{
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = l->wake_fd};
    return l->epoll_fd >= 0 && l->wake_fd >= 0 &&
           epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &ev) == 0;
}

/* Signals are the main thread's. */
static int start_thread(struct io_loop *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&l->thread, NULL, io_thread, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct err *io_loop_new(struct io_loop **ret_loop)
{
    struct io_loop *l = x_calloc(1, sizeof(*l));
    l->timers_due = NEVER;
    l->curl_due = NEVER;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->task_over, NULL);
    l->multi = curl_multi_init();
    if (l->multi == NULL)
        abort();
    curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    int rc = open_fds(l) ? start_thread(l) : errno;
    if (rc != 0) {
        release_loop(l);
        return err_new(ERR_TRANSIENT, "NoResources", "starting the network thread: %s",
                       strerrordesc_np(rc));
    }
    *ret_loop = l;
    return NULL;
}

void io_loop_cancel_all(struct io_loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->cancel_all = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

void io_loop_free(struct io_loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->quit = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
    pthread_join(l->thread, NULL);
    release_loop(l);
}
