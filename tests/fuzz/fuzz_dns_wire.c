/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any datagram as the answer to a question: "<A, 6, C or N>" and the bytes, whose id and question are put
 * right so that the rest is reached. It is refused, or what is read keeps the promises of net/dns.h.
 */
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
    default:
        return DNS_A;
    }
}

static void check(const struct dns_wire_query *q, const struct dns_reply *r)
{
    const struct dns_answer *a = &r->answer;
    char name[DNS_NAME_MAX + 1];
    MUST(r->verdict <= DNS_ANSWERED && a->count <= DNS_RECORDS_MAX);
    MUST(a->ttl >= 0 && a->ttl <= NS_PER_DAY);
    if (r->verdict != DNS_ANSWERED && r->verdict != DNS_ELSEWHERE) {
        MUST(a->records == NULL && a->count == 0);
        return;
    }
    MUST(dns_name_copy(a->name, name) && strcmp(a->name, name) == 0);
    MUST(r->verdict == DNS_ANSWERED || (a->count == 0 && strcmp(a->name, q->name) != 0));
    for (size_t i = 0; i < a->count; i++) {
        char text[DNS_ADDRESS_MAX];
        MUST(a->records[i].len <= 65535);
        for (size_t k = 0; k < a->records[i].len; k++) {
            volatile unsigned char byte = a->records[i].data[k]; /* the sanitizer looks at each */
            (void)byte;
        }
        (void)dns_address_text(&a->records[i], text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    struct dns_wire_query q;
    dns_wire_ask("a.test", type_of(data[0]), 7, true, &q);
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
    dns_answer_release(&r.answer);
    return 0;
}
