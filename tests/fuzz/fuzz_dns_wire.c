/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any datagram as the answer to a question: "<A, 6, C or N>", or "<T, S or R>" for one without recursion, and the
 * bytes, whose id and question are put right so that the rest is reached. It is refused, or what is read keeps the
 * promises of net/dns.h and net/dns_ask.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static enum dns_type type_of(uint8_t c)
{
    switch (c) {
    case '6':
        return DNS_AAAA;
    case 'C':
        return DNS_CAA;
    case 'N':
        return DNS_CNAME;
    case 'T':
        return DNS_TXT;
    case 'S':
        return DNS_SOA;
    case 'R':
        return DNS_NS;
    default:
        return DNS_A;
    }
}

static void check_record(const struct dns_record *r)
{
    char text[DNS_ADDRESS_MAX];
    char name[DNS_NAME_MAX + 1];
    MUST(r->len <= 65535);
    for (size_t k = 0; k < r->len; k++) {
        volatile unsigned char byte = r->data[k]; /* the sanitizer looks at each */
        (void)byte;
    }
    (void)dns_address_text(r, text);
    (void)dns_record_name(r, name);
    auto_free char *joined = dns_txt_text(r);
    MUST(joined == NULL || strlen(joined) <= r->len);
}

static void must_be_name(const char *name)
{
    char copy[DNS_NAME_MAX + 1];
    MUST(dns_name_copy(name, copy) && strcmp(copy, name) == 0);
}

static void check_authority(const struct dns_wire_query *q, const struct dns_reply *r)
{
    bool alone = (q->flags & DNS_WIRE_RECURSE) == 0;
    MUST(r->nameservers.len <= DNS_ASK_SERVERS_MAX);
    MUST(alone || (!r->authoritative && *r->zone == '\0'));
    MUST(r->nameservers.len == 0 || (*r->zone != '\0' && r->answer.exists));
    MUST(*r->zone == '\0' || r->answer.count == 0);
    if (*r->zone != '\0') {
        size_t name_len = strlen(r->answer.name), zone_len = strlen(r->zone);
        must_be_name(r->zone);
        MUST(zone_len <= name_len && strcmp(r->answer.name + name_len - zone_len, r->zone) == 0);
    }
    for (size_t i = 0; i < r->nameservers.len; i++)
        must_be_name(r->nameservers.items[i]);
}

static void check(const struct dns_wire_query *q, const struct dns_reply *r)
{
    const struct dns_answer *a = &r->answer;
    MUST(r->verdict <= DNS_ANSWERED && a->count <= DNS_RECORDS_MAX);
    MUST(a->ttl >= 0 && a->ttl <= NS_PER_DAY);
    check_authority(q, r);
    if (r->verdict != DNS_ANSWERED && r->verdict != DNS_ELSEWHERE) {
        MUST(a->records == NULL && a->count == 0);
        return;
    }
    must_be_name(a->name);
    MUST(r->verdict == DNS_ANSWERED || (a->count == 0 && strcmp(a->name, q->name) != 0));
    for (size_t i = 0; i < a->count; i++)
        check_record(&a->records[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    struct dns_wire_query q;
    bool alone = data[0] == 'T' || data[0] == 'S' || data[0] == 'R';
    dns_wire_ask("a.test", type_of(data[0]), 7,
                 alone ? DNS_WIRE_EDNS : DNS_WIRE_RECURSE | DNS_WIRE_EDNS, &q);
    size_t len = size - 1;
    auto_free unsigned char *bytes = x_alloc(len + 1);
    memcpy(bytes, data + 1, len);
    if (len >= 2)
        memcpy(bytes, q.data, 2);
    if (len >= q.question_end)
        memcpy(bytes + 12, q.data + 12, q.question_end - 12);
    struct dns_reply r;
    dns_wire_read(&q, bytes, len, &r);
    check(&q, &r);
    dns_reply_release(&r);
    return 0;
}
