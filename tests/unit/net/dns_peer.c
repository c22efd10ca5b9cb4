/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- bytes ---- */

static void put(struct dns_bytes *b, const void *data, size_t len)
{
    if (b->len + len > sizeof(b->data))
        x_abort("a DNS answer of a test is too big");
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put_int(struct dns_bytes *b, unsigned long value, unsigned bytes)
{
    while (bytes-- > 0) {
        unsigned char c = (unsigned char)(value >> (8 * bytes));
        put(b, &c, 1);
    }
}

static void put_name(struct dns_bytes *b, const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        put_int(b, label, 1);
        put(b, name, label);
        name += label + (name[label] == '.');
    }
    put_int(b, 0, 1);
}

static size_t question_end(const unsigned char *query, size_t len)
{
    size_t at = 12;
    while (at < len && query[at] != 0)
        at += (size_t)query[at] + 1;
    return at + 5;
}

void dns_bytes_reply(struct dns_bytes *b, const unsigned char *query, size_t len, unsigned rcode)
{
    b->len = 0;
    put(b, query, question_end(query, len));
    b->data[2] = 0x81;
    b->data[3] = (unsigned char)(0x80 | rcode);
    memcpy(b->data + 4, "\0\1\0\0\0\0\0\0", 8);
}

void dns_bytes_set_flag(struct dns_bytes *b, unsigned flag)
{
    b->data[2] |= (unsigned char)(flag >> 8);
    b->data[3] |= (unsigned char)(flag & 0xff);
}

void dns_bytes_rr(struct dns_bytes *b, const struct dns_bytes_record *r, const void *rdata,
                  size_t len)
{
    unsigned char *count = b->data + 4 + (size_t)2 * r->section;
    unsigned n = ((unsigned)count[0] << 8 | count[1]) + 1;
    count[0] = (unsigned char)(n >> 8);
    count[1] = (unsigned char)(n & 0xff);
    put_name(b, r->name);
    put_int(b, r->type, 2);
    put_int(b, 1, 2);
    put_int(b, r->ttl, 4);
    put_int(b, len, 2);
    put(b, rdata, len);
}

void dns_bytes_a(struct dns_bytes *b, const char *name, const char *ip, unsigned ttl)
{
    struct in_addr a;
    if (inet_pton(AF_INET, ip, &a) != 1)
        x_abort("no IPv4 address");
    dns_bytes_rr(b, &(struct dns_bytes_record){1, name, 1, ttl}, &a, sizeof(a));
}

void dns_bytes_target(struct dns_bytes *b, const struct dns_bytes_record *r, const char *target)
{
    struct dns_bytes wire = {.len = 0};
    put_name(&wire, target);
    dns_bytes_rr(b, r, wire.data, wire.len);
}

void dns_bytes_cname(struct dns_bytes *b, const char *name, const char *target, unsigned ttl)
{
    dns_bytes_target(b, &(struct dns_bytes_record){1, name, 5, ttl}, target);
}

void dns_bytes_txt(struct dns_bytes *b, const char *name, const char *text, unsigned ttl)
{
    struct dns_bytes wire = {.len = 0};
    put_int(&wire, strlen(text), 1);
    put(&wire, text, strlen(text));
    dns_bytes_rr(b, &(struct dns_bytes_record){1, name, 16, ttl}, wire.data, wire.len);
}

void dns_bytes_soa(struct dns_bytes *b, const char *zone, unsigned ttl, unsigned minimum)
{
    struct dns_bytes wire = {.len = 0};
    put_name(&wire, "ns.test");
    put_name(&wire, "admin.test");
    for (unsigned i = 0; i < 4; i++)
        put_int(&wire, i + 1, 4);
    put_int(&wire, minimum, 4);
    dns_bytes_rr(b, &(struct dns_bytes_record){2, zone, 6, ttl}, wire.data, wire.len);
}

void dns_bytes_question(const unsigned char *query, size_t len, char out[256])
{
    size_t n = 0;
    for (size_t at = 12; at < len && query[at] != 0; at += (size_t)query[at] + 1) {
        if (n > 0)
            out[n++] = '.';
        memcpy(out + n, query + at + 1, query[at]);
        n += query[at];
    }
    out[n] = '\0';
}

/* ---- the server ---- */

struct dns_peer {
    dns_peer_script script;
    void *arg;
    sa_family_t family;
    int udp, tcp, wake;
    _Atomic unsigned forgeries;
    char address[64];
    _Atomic unsigned queries;
    pthread_t thread;
};

static void forge(const struct dns_peer *p, unsigned forgeries, const struct dns_bytes *answer,
                  const struct sockaddr *to, socklen_t to_len)
{
    for (unsigned kind = 1; kind <= DNS_FORGE_LENGTH; kind <<= 1) {
        struct dns_bytes wrong = *answer;
        int fd = kind == DNS_FORGE_SOURCE ? socket(p->family, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                                          : dup(p->udp);
        wrong.data[wrong.len - 1] ^= 1;
        wrong.data[0] ^= kind == DNS_FORGE_ID;
        wrong.data[2] ^= kind == DNS_FORGE_KIND ? 0x80 : 0;
        wrong.data[13] ^= kind == DNS_FORGE_QUESTION;
        wrong.len -= kind == DNS_FORGE_LENGTH;
        if ((forgeries & kind) != 0)
            (void)!sendto(fd, wrong.data, wrong.len, 0, to, to_len);
        close(fd);
    }
}

static void answer_udp(struct dns_peer *p)
{
    unsigned char query[1024];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    ssize_t len = recvfrom(p->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
    struct dns_bytes answer = {.len = 0};
    if (len < 12)
        return;
    p->script(p->arg, atomic_fetch_add(&p->queries, 1), false, query, (size_t)len, &answer);
    if (answer.len > 0)
        forge(p, atomic_load(&p->forgeries), &answer, (const struct sockaddr *)&from, from_len);
    if (answer.len > 0)
        (void)!sendto(p->udp, answer.data, answer.len, 0, (struct sockaddr *)&from, from_len);
}

static void answer_tcp(struct dns_peer *p)
{
    int fd = accept(p->tcp, NULL, NULL);
    unsigned char query[1024];
    struct dns_bytes answer = {.len = 0};
    ssize_t len = recv(fd, query, 2, MSG_WAITALL);
    if (len == 2)
        len = recv(fd, query + 2, (size_t)query[0] << 8 | query[1], MSG_WAITALL);
    if (len >= 12)
        p->script(p->arg, atomic_fetch_add(&p->queries, 1), true, query + 2, (size_t)len, &answer);
    unsigned char head[2] = {(unsigned char)(answer.len >> 8), (unsigned char)answer.len};
    if (answer.len > 0) {
        (void)!send(fd, head, 2, MSG_NOSIGNAL);
        (void)!send(fd, answer.data, answer.len, MSG_NOSIGNAL);
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct dns_peer *p = arg;
    for (;;) {
        struct pollfd fds[] = {{p->udp, POLLIN, 0}, {p->tcp, POLLIN, 0}, {p->wake, POLLIN, 0}};
        poll(fds, 3, -1);
        if (fds[2].revents != 0)
            return NULL;
        if (fds[0].revents != 0)
            answer_udp(p);
        if (fds[1].revents != 0)
            answer_tcp(p);
    }
}

/* The same free port for both. */
static bool bind_both(struct dns_peer *p)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool is_v6 = p->family == AF_INET6;
    struct sockaddr *a = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = is_v6 ? sizeof(v6) : sizeof(v4);
    p->udp = socket(p->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    p->tcp = socket(p->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(p->udp, a, len) == 0 && getsockname(p->udp, a, &len) == 0 &&
        bind(p->tcp, a, len) == 0 && listen(p->tcp, 8) == 0) {
        snprintf(p->address, sizeof(p->address), is_v6 ? "[::1]:%u" : "127.0.0.1:%u",
                 ntohs(is_v6 ? v6.sin6_port : v4.sin_port));
        return true;
    }
    close(p->udp);
    close(p->tcp);
    return false;
}

static struct dns_peer *start(sa_family_t family, dns_peer_script script, void *arg)
{
    struct dns_peer *p = x_calloc(1, sizeof(*p));
    p->family = family;
    p->script = script;
    p->arg = arg;
    p->wake = eventfd(0, EFD_CLOEXEC);
    for (unsigned i = 0; !bind_both(p); i++)
        if (i == 20)
            x_abort("no port for a DNS server");
    if (pthread_create(&p->thread, NULL, serve, p) != 0)
        x_abort("no thread");
    return p;
}

struct dns_peer *dns_peer_start(dns_peer_script script, void *arg)
{
    return start(AF_INET, script, arg);
}

struct dns_peer *dns_peer_start_v6(dns_peer_script script, void *arg)
{
    return start(AF_INET6, script, arg);
}

void dns_peer_forge(struct dns_peer *p, unsigned forgeries)
{
    atomic_store(&p->forgeries, forgeries);
}

void dns_peer_stop(struct dns_peer *p)
{
    const uint64_t one = 1;
    (void)!write(p->wake, &one, sizeof(one));
    pthread_join(p->thread, NULL);
    close(p->udp);
    close(p->tcp);
    close(p->wake);
    free(p);
}

const char *dns_peer_address(const struct dns_peer *p)
{
    return p->address;
}

unsigned dns_peer_queries(struct dns_peer *p)
{
    return atomic_load(&p->queries);
}
