/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_flight.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define UDP_MAX 4096
#define FRAME_HEAD 2     /* RFC 1035 section 4.2.2 */
#define STRANGERS_MAX 64 /* datagrams that are not ours, until somebody is flooding us */

/* ---- waiting ---- */

static void on_stop(void *arg)
{
    const struct dns_wait *w = arg;
    static const uint64_t one = 1;
    (void)!write(w->wake_fd, &one, sizeof(one));
}

struct err *dns_wait_begin(struct dns_wait *w, const struct stop *stop, int64_t timeout)
{
    *w = (struct dns_wait){.wake_fd = -1, .deadline = clock_mono(clock_system()) + timeout};
    if (stop == NULL)
        return NULL;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0)
        return err_new(ERR_TRANSIENT, "DNSFailed", "no file descriptor is left");
    /* Listening does not change what the token says. */
    w->token = (struct stop *)(uintptr_t)stop;
    stop_listen(w->token, &w->listener, on_stop, w);
    return NULL;
}

void dns_wait_end(struct dns_wait *w)
{
    if (w->token == NULL)
        return;
    stop_unlisten(w->token, &w->listener);
    close(w->wake_fd);
    *w = (struct dns_wait){.wake_fd = -1};
}

/* ---- one flight ---- */

static struct err *failed(const char *what)
{
    int error = errno;
    char text[128];
    return err_new(ERR_TRANSIENT, "DNSFailed", "%s: %s", what,
                   strerror_r(error, text, sizeof(text)));
}

static void drop_socket(struct dns_flight *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    free(f->bytes);
    f->bytes = NULL;
}

static void land(struct dns_flight *f, struct err *e)
{
    drop_socket(f);
    f->phase = DNS_FLIGHT_LANDED;
    f->failed = e;
}

static struct err *open_socket(const union dns_address *server, int type, int *ret_fd)
{
    socklen_t len = server->any.sa_family == AF_INET6 ? sizeof(server->v6) : sizeof(server->v4);
    int fd = socket(server->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed("socket");
    /* Of a connected UDP socket the kernel gives us only what the server sent. */
    if (connect(fd, &server->any, len) != 0 && errno != EINPROGRESS) {
        struct err *e = failed("connect");
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return NULL;
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR;
}

static struct err *send_datagram(struct dns_flight *f, int64_t resend)
{
    f->resend_at = resend > 0 ? clock_mono(clock_system()) + resend : INT64_MAX;
    if (send(f->fd, f->data, *f->len, MSG_NOSIGNAL) < 0 && !is_passing(errno))
        return failed("send");
    return NULL;
}

static struct err *take_off(struct dns_flight *f, int64_t resend)
{
    drop_socket(f);
    TRY(open_socket(f->server, f->tcp ? SOCK_STREAM : SOCK_DGRAM, &f->fd));
    if (!f->tcp) {
        f->phase = DNS_FLIGHT_UDP;
        return send_datagram(f, resend);
    }
    f->phase = DNS_FLIGHT_SEND;
    f->resend_at = INT64_MAX;
    f->done = 0;
    f->want = FRAME_HEAD + *f->len;
    f->bytes = x_alloc(f->want);
    f->bytes[0] = (unsigned char)(*f->len >> 8);
    f->bytes[1] = (unsigned char)(*f->len & 0xff);
    memcpy(f->bytes + FRAME_HEAD, f->data, *f->len);
    return NULL;
}

static struct err *hear(struct dns_flight *f, const unsigned char *data, size_t len, int64_t resend)
{
    enum dns_heard heard = f->hear(f->arg, data, len, f->tcp);
    if (heard == DNS_HEARD_ALL) {
        land(f, NULL);
        return NULL;
    }
    if (heard == DNS_HEARD_AGAIN)
        return take_off(f, resend);
    if (f->tcp)
        return err_new(ERR_TRANSIENT, "DNSFailed", "the answer is malformed");
    if (heard == DNS_HEARD_CUT) {
        f->tcp = true;
        return take_off(f, resend);
    }
    if (++f->strangers < STRANGERS_MAX)
        return NULL;
    return err_new(ERR_TRANSIENT, "DNSFailed", "%d datagrams came and none was an answer",
                   STRANGERS_MAX);
}

static struct err *on_datagram(struct dns_flight *f, int64_t resend)
{
    unsigned char data[UDP_MAX];
    ssize_t len = recv(f->fd, data, sizeof(data), 0);
    if (len < 0)
        return is_passing(errno) ? NULL : failed("recv");
    return hear(f, data, (size_t)len, resend);
}

/* RFC 7766. */
static struct err *on_writable(struct dns_flight *f)
{
    ssize_t n = send(f->fd, f->bytes + f->done, f->want - f->done, MSG_NOSIGNAL);
    if (n < 0)
        return is_passing(errno) ? NULL : failed("send over TCP");
    f->done += (size_t)n;
    if (f->done < f->want)
        return NULL;
    free(f->bytes);
    f->phase = DNS_FLIGHT_RECEIVE;
    f->done = 0;
    f->want = FRAME_HEAD;
    f->bytes = x_alloc(FRAME_HEAD);
    return NULL;
}

static struct err *on_readable(struct dns_flight *f, int64_t resend)
{
    ssize_t n = recv(f->fd, f->bytes + f->done, f->want - f->done, 0);
    if (n < 0)
        return is_passing(errno) ? NULL : failed("recv over TCP");
    if (n == 0)
        return err_new(ERR_TRANSIENT, "DNSFailed", "the connection ended within the answer");
    f->done += (size_t)n;
    if (f->done == FRAME_HEAD) {
        f->want += (size_t)f->bytes[0] << 8 | f->bytes[1];
        f->bytes = x_realloc(f->bytes, f->want);
    }
    if (f->done < f->want)
        return NULL;
    return hear(f, f->bytes + FRAME_HEAD, f->want - FRAME_HEAD, resend);
}

static void step(struct dns_flight *f, int64_t resend)
{
    struct err *e = NULL;
    if (f->phase == DNS_FLIGHT_UDP)
        e = on_datagram(f, resend);
    else if (f->phase == DNS_FLIGHT_SEND)
        e = on_writable(f);
    else if (f->phase == DNS_FLIGHT_RECEIVE)
        e = on_readable(f, resend);
    if (e != NULL)
        land(f, e);
}

/* ---- all of them ---- */

static bool any_aloft(const struct dns_flight *flights, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (flights[i].phase != DNS_FLIGHT_LANDED)
            return true;
    return false;
}

/* Sends again what is due; when there is something to do next. */
static int64_t resend_due(struct dns_flight *flights, size_t count, const struct dns_wait *w)
{
    int64_t now = clock_mono(clock_system());
    int64_t next = w->deadline;
    for (size_t i = 0; i < count; i++) {
        struct dns_flight *f = &flights[i];
        if (f->phase == DNS_FLIGHT_LANDED)
            continue;
        struct err *e = f->resend_at <= now ? send_datagram(f, w->resend) : NULL;
        if (now >= w->deadline && e == NULL)
            e = err_new(ERR_TRANSIENT, "Timeout", "no answer in time");
        if (e != NULL)
            land(f, e);
        else if (f->resend_at < next)
            next = f->resend_at;
    }
    return next - now;
}

static struct err *turn(struct dns_flight *flights, size_t count, const struct dns_wait *w)
{
    int64_t left = resend_due(flights, count, w);
    struct pollfd fds[DNS_FLIGHTS_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        short events = flights[i].phase == DNS_FLIGHT_SEND ? POLLOUT : POLLIN;
        fds[i] = (struct pollfd){.fd = flights[i].fd, .events = events};
    }
    fds[count] = (struct pollfd){.fd = w->wake_fd, .events = POLLIN};
    if (left <= 0)
        return NULL;
    int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
    int n = poll(fds, count + 1, ms > INT_MAX ? INT_MAX : (int)ms);
    if (n < 0)
        return errno == EINTR ? NULL : failed("poll");
    if (fds[count].revents != 0)
        return err_new(ERR_CANCELLED, "Cancelled", "given up because we are stopping");
    for (size_t i = 0; i < count; i++)
        if (fds[i].revents != 0)
            step(&flights[i], w->resend);
    return NULL;
}

struct err *dns_fly(struct dns_flight *flights, size_t count, const struct dns_wait *wait)
{
    if (count > DNS_FLIGHTS_MAX)
        x_abort("too many DNS messages at once");
    for (size_t i = 0; i < count; i++) {
        struct dns_flight *f = &flights[i];
        f->phase = DNS_FLIGHT_LANDED;
        f->fd = -1;
        struct err *e = f->failed == NULL ? take_off(f, wait->resend) : NULL;
        if (e != NULL)
            land(f, e);
    }
    struct err *e = NULL;
    while (e == NULL && any_aloft(flights, count))
        e = turn(flights, count, wait);
    for (size_t i = 0; e != NULL && i < count; i++) {
        err_free(flights[i].failed);
        land(&flights[i], NULL);
    }
    return e;
}
