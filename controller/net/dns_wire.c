/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_wire.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

#define HEADER_SIZE 12
#define CNAMES_MAX 16
#define OPT_SIZE 11
/* RFC 2181 section 8: the top bit makes no sense. A day is as long as anybody here keeps an answer. */
#define TTL_MAX ((uint32_t)86400)

/* ---- the question ---- */

static void put16(struct dns_wire_query *q, unsigned value)
{
    q->data[q->len++] = (unsigned char)(value >> 8);
    q->data[q->len++] = (unsigned char)(value & 0xff);
}

static void put_name(struct dns_wire_query *q, const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        q->data[q->len++] = (unsigned char)label;
        memcpy(q->data + q->len, name, label);
        q->len += label;
        name += label + (name[label] == '.');
    }
    q->data[q->len++] = 0;
}

void dns_wire_ask(const char *name, enum dns_type type, uint16_t id, bool edns,
                  struct dns_wire_query *ret_query)
{
    struct dns_wire_query *q = ret_query;
    *q = (struct dns_wire_query){.type = type};
    memcpy(q->name, name, strlen(name) + 1);
    put16(q, id);
    put16(q, 0x0100); /* RD */
    put16(q, 1);
    put16(q, 0);
    put16(q, 0);
    put16(q, edns ? 1 : 0);
    put_name(q, name);
    put16(q, type);
    put16(q, LDNS_RR_CLASS_IN);
    q->question_end = q->len;
    if (!edns)
        return;
    q->data[q->len++] = 0; /* the root owns OPT */
    put16(q, LDNS_RR_TYPE_OPT);
    put16(q, DNS_UDP_SIZE);
    for (size_t i = 0; i < 3; i++)
        put16(q, 0);
}

/* ---- the envelope ---- */

static unsigned get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The question comes back as it was sent; upper and lower case may differ. */
static bool same_question(const struct dns_wire_query *q, const unsigned char *data, size_t len)
{
    size_t name_end = q->question_end - 4;
    if (len < q->question_end || get16(data + 4) != 1)
        return false;
    for (size_t i = HEADER_SIZE; i < name_end; i++) {
        unsigned char c = data[i];
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c - 'A' + 'a');
        if (c != q->data[i])
            return false;
    }
    return memcmp(data + name_end, q->data + name_end, 4) == 0;
}

/* What header and question alone say; DNS_ANSWERED: read on. */
static enum dns_verdict judge_envelope(const struct dns_wire_query *q, const unsigned char *data,
                                       size_t len, unsigned *ret_rcode)
{
    if (len < HEADER_SIZE || get16(data) != get16(q->data))
        return DNS_NOT_OURS;
    unsigned flags = get16(data + 2);
    bool is_answer = (flags & 0x8000) != 0 && (flags & 0x7800) == 0;
    if (!is_answer)
        return DNS_NOT_OURS;
    unsigned rcode = flags & 0xf;
    *ret_rcode = rcode;
    bool had_edns = q->len > q->question_end;
    bool knows_no_edns = rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_NOTIMPL;
    /* Servers that understand nothing send the bare header. */
    bool bare = get16(data + 4) == 0 && knows_no_edns;
    if (!bare && !same_question(q, data, len))
        return DNS_NOT_OURS;
    if (had_edns && knows_no_edns)
        return DNS_NO_EDNS;
    if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
        return DNS_REFUSED;
    return (flags & 0x0200) != 0 ? DNS_TRUNCATED : DNS_ANSWERED;
}

/* ---- the records ---- */

/* Labels of a name in the wire's form, uncompressed, as ldns has checked it, to text. */
static bool name_text(const ldns_rdf *name, char out[DNS_NAME_MAX + 1])
{
    const unsigned char *at = ldns_rdf_data(name);
    const unsigned char *end = at + ldns_rdf_size(name);
    char text[LDNS_MAX_DOMAINLEN + 1];
    size_t len = 0;
    while (at < end && *at != 0) {
        size_t label = *at++;
        if (label > (size_t)(end - at) || len + label + 1 >= sizeof(text) ||
            memchr(at, '.', label) != NULL || memchr(at, '\0', label) != NULL)
            return false;
        memcpy(text + len, at, label);
        len += label;
        text[len++] = '.';
        at += label;
    }
    text[len] = '\0';
    return dns_name_copy(text, out);
}

static bool belongs(const ldns_rr *rr, const ldns_rdf *owner, unsigned type)
{
    return (unsigned)ldns_rr_get_type(rr) == type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
           ldns_rr_owner(rr) != NULL && ldns_dname_compare(ldns_rr_owner(rr), owner) == 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static const ldns_rdf *cname_of(const ldns_rr_list *answer, const ldns_rdf *owner, uint32_t *ttl)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);
        if (belongs(rr, owner, LDNS_RR_TYPE_CNAME) && ldns_rr_rd_count(rr) == 1) {
            *ttl = least(*ttl, ldns_rr_ttl(rr));
            return ldns_rr_rdf(rr, 0);
        }
    }
    return NULL;
}

static bool add_record(struct dns_answer *a, const ldns_rr *rr)
{
    size_t len = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
        len += ldns_rdf_size(ldns_rr_rdf(rr, i));
    if (a->count == DNS_RECORDS_MAX)
        return false;
    if (a->records == NULL)
        a->records = x_calloc(DNS_RECORDS_MAX, sizeof(*a->records));
    struct dns_record *r = &a->records[a->count++];
    *r = (struct dns_record){.data = x_alloc(len + 1), .len = 0};
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *part = ldns_rr_rdf(rr, i);
        memcpy(r->data + r->len, ldns_rdf_data(part), ldns_rdf_size(part));
        r->len += ldns_rdf_size(part);
    }
    return true;
}

/* RFC 2308 section 5: the absence of something is kept as long as the SOA beside it says. */
static bool negative_ttl(const ldns_pkt *pkt, uint32_t *ttl)
{
    const ldns_rr_list *authority = ldns_pkt_authority(pkt);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(authority, i);
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) != 7 ||
            ldns_rdf_size(ldns_rr_rdf(rr, 6)) != sizeof(uint32_t))
            continue;
        *ttl = least(*ttl, least(ldns_rr_ttl(rr), ldns_rdf2native_int32(ldns_rr_rdf(rr, 6))));
        return true;
    }
    return false;
}

/* The end of the CNAMEs that start at the question's name; NULL for a loop. */
static const ldns_rdf *follow_cnames(const ldns_pkt *pkt, unsigned *ret_hops, uint32_t *ttl)
{
    const ldns_rdf *at = ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(pkt), 0));
    const ldns_rdf *next = cname_of(ldns_pkt_answer(pkt), at, ttl);
    for (; next != NULL && *ret_hops < CNAMES_MAX; ++*ret_hops) {
        at = next;
        next = cname_of(ldns_pkt_answer(pkt), at, ttl);
    }
    return next == NULL ? at : NULL;
}

static bool take_records(const ldns_pkt *pkt, const ldns_rdf *owner, enum dns_type type,
                         struct dns_answer *a, uint32_t *ttl)
{
    const ldns_rr_list *answer = ldns_pkt_answer(pkt);
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);
        if (!belongs(rr, owner, type))
            continue;
        *ttl = least(*ttl, ldns_rr_ttl(rr));
        if (!add_record(a, rr))
            return false;
    }
    return true;
}

static enum dns_verdict read_records(const struct dns_wire_query *q, const ldns_pkt *pkt,
                                     struct dns_answer *a)
{
    uint32_t ttl = TTL_MAX;
    unsigned hops = 0;
    const ldns_rdf *at = ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(pkt), 0));
    if (q->type != DNS_CNAME)
        at = follow_cnames(pkt, &hops, &ttl);
    if (at == NULL || !name_text(at, a->name) || !take_records(pkt, at, q->type, a, &ttl))
        return DNS_MALFORMED;
    a->exists = ldns_pkt_get_rcode(pkt) != LDNS_RCODE_NXDOMAIN;
    bool absent = a->count == 0 && negative_ttl(pkt, &ttl);
    if (a->count == 0 && !absent)
        ttl = 0;
    a->ttl = (int64_t)ttl * NS_PER_SEC;
    return a->count == 0 && hops > 0 && a->exists && !absent ? DNS_ELSEWHERE : DNS_ANSWERED;
}

void dns_wire_read(const struct dns_wire_query *query, const unsigned char *data, size_t len,
                   struct dns_reply *ret_reply)
{
    struct dns_reply r = {0};
    r.verdict = judge_envelope(query, data, len, &r.rcode);
    ldns_pkt *pkt = NULL;
    if (r.verdict == DNS_ANSWERED && ldns_wire2pkt(&pkt, data, len) != LDNS_STATUS_OK)
        r.verdict = DNS_MALFORMED;
    if (r.verdict == DNS_ANSWERED)
        r.verdict = ldns_rr_list_rr_count(ldns_pkt_question(pkt)) == 1
                        ? read_records(query, pkt, &r.answer)
                        : DNS_MALFORMED;
    if (r.verdict == DNS_MALFORMED)
        dns_answer_release(&r.answer);
    ldns_pkt_free(pkt);
    *ret_reply = r;
}

const char *dns_rcode_str(unsigned rcode)
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    return rcode < ARRAY_LEN(names) ? names[rcode] : "an unknown response code";
}
