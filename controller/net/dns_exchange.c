/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_exchange.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define UDP_MAX 4096
#define TCP_MAX 65535
#define STRANGERS_MAX 64 /* datagrams that are not ours, until somebody is flooding us */

static void closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static struct err *failed(const char *what)
{
    int error = errno;
    char text[128];
    return err_new(ERR_TRANSIENT, "DNSFailed", "%s: %s", what,
                   strerror_r(error, text, sizeof(text)));
}

static struct err *wait_for(int fd, short events, const struct dns_wait *w)
{
    for (;;) {
        int64_t left = w->deadline - clock_mono(clock_system());
        if (left <= 0)
            return err_new(ERR_TRANSIENT, "Timeout", "no answer in time");
        struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = w->wake_fd, .events = POLLIN}};
        int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
        int n = poll(fds, ARRAY_LEN(fds), ms > INT_MAX ? INT_MAX : (int)ms);
        if (n < 0 && errno != EINTR)
            return failed("poll");
        if (n > 0 && fds[1].revents != 0)
            return err_new(ERR_CANCELLED, "Cancelled", "given up because we are stopping");
        if (n > 0 && fds[0].revents != 0)
            return NULL;
    }
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

/* ---- UDP ---- */

static struct err *over_udp(const union dns_address *server, const struct dns_wire_query *query,
                            const struct dns_wait *w, struct dns_reply *ret_reply)
{
    AUTO(closep) int fd = -1;
    TRY(open_socket(server, SOCK_DGRAM, &fd));
    if (send(fd, query->data, query->len, MSG_NOSIGNAL) < 0)
        return failed("send");
    for (unsigned strangers = 0; strangers < STRANGERS_MAX; strangers++) {
        unsigned char data[UDP_MAX];
        TRY(wait_for(fd, POLLIN, w));
        ssize_t len = recv(fd, data, sizeof(data), 0);
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            return failed("recv");
        if (len < 0)
            continue;
        dns_wire_read(query, data, (size_t)len, ret_reply);
        if (ret_reply->verdict != DNS_NOT_OURS && ret_reply->verdict != DNS_MALFORMED)
            return NULL;
    }
    return err_new(ERR_TRANSIENT, "DNSFailed", "%d datagrams came and none was an answer",
                   STRANGERS_MAX);
}

/* ---- TCP (RFC 7766) ---- */

static struct err *send_all(int fd, const unsigned char *data, size_t len, const struct dns_wait *w)
{
    while (len > 0) {
        TRY(wait_for(fd, POLLOUT, w));
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return failed("send over TCP");
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return NULL;
}

static struct err *receive_all(int fd, unsigned char *data, size_t len, const struct dns_wait *w)
{
    while (len > 0) {
        TRY(wait_for(fd, POLLIN, w));
        ssize_t n = recv(fd, data, len, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return failed("recv over TCP");
        if (n == 0)
            return err_new(ERR_TRANSIENT, "DNSFailed", "the connection ended within the answer");
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return NULL;
}

static struct err *over_tcp(const union dns_address *server, const struct dns_wire_query *query,
                            const struct dns_wait *w, struct dns_reply *ret_reply)
{
    AUTO(closep) int fd = -1;
    TRY(open_socket(server, SOCK_STREAM, &fd));
    unsigned char framed[2 + DNS_QUERY_MAX];
    framed[0] = (unsigned char)(query->len >> 8);
    framed[1] = (unsigned char)(query->len & 0xff);
    memcpy(framed + 2, query->data, query->len);
    TRY(send_all(fd, framed, query->len + 2, w));
    unsigned char head[2];
    TRY(receive_all(fd, head, sizeof(head), w));
    size_t len = (size_t)head[0] << 8 | head[1];
    auto_free unsigned char *data = x_alloc(TCP_MAX);
    TRY(receive_all(fd, data, len, w));
    dns_wire_read(query, data, len, ret_reply);
    if (ret_reply->verdict == DNS_NOT_OURS || ret_reply->verdict == DNS_TRUNCATED)
        ret_reply->verdict = DNS_MALFORMED;
    return NULL;
}

struct err *dns_exchange(const union dns_address *server, const struct dns_wire_query *query,
                         const struct dns_wait *wait, struct dns_reply *ret_reply)
{
    TRY(over_udp(server, query, wait, ret_reply));
    if (ret_reply->verdict != DNS_TRUNCATED)
        return NULL;
    return over_tcp(server, query, wait, ret_reply);
}
