/* SPDX-License-Identifier: Apache-2.0 */
#include "net/guard.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct block {
    uint8_t prefix[16];
    unsigned bits;
    const char *name;
};

/* IPv4 is judged in its mapped form, hence the 96 extra bits. */
#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        [10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b), [14] = (c), [15] = (d)                   \
    }

static const struct block blocks[] = {
    {V4(0, 0, 0, 0), 96 + 8, "unspecified"},
    {V4(127, 0, 0, 0), 96 + 8, "loopback"},
    {V4(169, 254, 0, 0), 96 + 16, "link-local"},
    {V4(224, 0, 0, 0), 96 + 4, "multicast"},
    {V4(240, 0, 0, 0), 96 + 4, "reserved"},
    {{[15] = 0}, 128, "unspecified"},
    {{[15] = 1}, 128, "loopback"},
    {{[0] = 0xfe, [1] = 0x80}, 10, "link-local"},
    {{[0] = 0xff}, 8, "multicast"},
};

/* Prefixes whose addresses carry an IPv4 address at the byte given: IPv4-compatible (RFC 4291
 * section 2.5.5.1), NAT64 (RFC 6052 section 2.1) and 6to4 (RFC 3056). */
static const struct {
    uint8_t prefix[16];
    unsigned bits;
    unsigned at;
} embeddings[] = {
    {{0}, 96, 12},
    {{[1] = 0x64, [2] = 0xff, [3] = 0x9b}, 96, 12},
    {{[0] = 0x20, [1] = 0x02}, 16, 2},
};

static bool in_prefix(const struct in6_addr *a, const uint8_t *prefix, unsigned bits)
{
    unsigned bytes = bits / 8;
    if (memcmp(a->s6_addr, prefix, bytes) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a->s6_addr[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0;
}

static struct in6_addr mapped(const void *v4)
{
    struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(a.s6_addr + 12, v4, 4);
    return a;
}

static bool parse_literal(const char *ip, struct in6_addr *ret_addr)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, ip, &v4) == 1) {
        *ret_addr = mapped(&v4);
        return true;
    }
    return inet_pton(AF_INET6, ip, ret_addr) == 1;
}

struct err *guard_init(struct guard *g, bool allow_all, const char *const *forbidden)
{
    *g = (struct guard){.allow_all = allow_all};
    size_t count = 0;
    while (forbidden != NULL && forbidden[count] != NULL)
        count++;
    if (count == 0)
        return NULL;
    g->forbidden = x_calloc(count, sizeof(*g->forbidden));
    g->forbidden_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!parse_literal(forbidden[i], &g->forbidden[i])) {
            guard_release(g);
            return err_new(ERR_INVALID, "InvalidAddress",
                           "forbidden address \"%s\": write an IPv4 or IPv6 address", forbidden[i]);
        }
    }
    return NULL;
}

void guard_release(struct guard *g)
{
    free(g->forbidden);
    *g = (struct guard){0};
}

static const char *why_forbidden(const struct guard *g, const struct in6_addr *a)
{
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (in_prefix(a, blocks[i].prefix, blocks[i].bits))
            return blocks[i].name;
    }
    for (size_t i = 0; i < g->forbidden_count; i++) {
        if (memcmp(a, &g->forbidden[i], sizeof(*a)) == 0)
            return "reserved for the cluster";
    }
    return NULL;
}

static struct err *check(const struct guard *g, const struct in6_addr *a)
{
    if (g->allow_all)
        return NULL;
    const char *why = why_forbidden(g, a);
    for (size_t i = 0; why == NULL && i < ARRAY_LEN(embeddings); i++) {
        if (in_prefix(a, embeddings[i].prefix, embeddings[i].bits)) {
            struct in6_addr inner = mapped(a->s6_addr + embeddings[i].at);
            why = why_forbidden(g, &inner);
        }
    }
    if (why == NULL)
        return NULL;
    char text[INET6_ADDRSTRLEN] = "";
    if (IN6_IS_ADDR_V4MAPPED(a))
        inet_ntop(AF_INET, a->s6_addr + 12, text, sizeof(text));
    else
        inet_ntop(AF_INET6, a, text, sizeof(text));
    return err_new(ERR_DENIED, "AddressForbidden",
                   "the address %s is %s: use a name that resolves to a reachable address", text,
                   why);
}

struct err *guard_check_sockaddr(const struct guard *g, const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof(v4));
        struct in6_addr a = mapped(&v4.sin_addr);
        return check(g, &a);
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sa, sizeof(v6));
        return check(g, &v6.sin6_addr);
    }
    return err_new(ERR_DENIED, "AddressForbidden", "address family %d is not IP", sa->sa_family);
}

struct err *guard_check_literal(const struct guard *g, const char *ip)
{
    struct in6_addr a;
    if (!parse_literal(ip, &a))
        return err_new(ERR_DENIED, "AddressForbidden", "\"%s\" is not an IP address", ip);
    return check(g, &a);
}
