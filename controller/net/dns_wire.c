/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_wire.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define HEADER_SIZE 12
#define CNAMES_MAX 16
#define FLAG_QR 0x8000
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define OPCODES 0x7800
/* RFC 2181 section 8: the top bit makes no sense. A day is as long as anybody here keeps an answer. */
#define TTL_MAX ((uint32_t)86400)

/* ---- the question ---- */

void dns_put16(unsigned char *data, size_t *len, unsigned value)
{
    data[(*len)++] = (unsigned char)(value >> 8);
    data[(*len)++] = (unsigned char)(value & 0xff);
}

void dns_put_name(unsigned char *data, size_t *len, const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        data[(*len)++] = (unsigned char)label;
        memcpy(data + *len, name, label);
        *len += label;
        name += label + (name[label] == '.');
    }
    data[(*len)++] = 0;
}

void dns_wire_ask(const char *name, enum dns_type type, uint16_t id, unsigned flags,
                  struct dns_wire_query *ret_query)
{
    struct dns_wire_query *q = ret_query;
    bool edns = (flags & DNS_WIRE_EDNS) != 0;
    *q = (struct dns_wire_query){.type = type, .flags = flags};
    memcpy(q->name, name, strlen(name) + 1);
    dns_put16(q->data, &q->len, id);
    dns_put16(q->data, &q->len, (flags & DNS_WIRE_RECURSE) != 0 ? FLAG_RD : 0);
    dns_put16(q->data, &q->len, 1);
    dns_put16(q->data, &q->len, 0);
    dns_put16(q->data, &q->len, 0);
    dns_put16(q->data, &q->len, edns ? 1 : 0);
    dns_put_name(q->data, &q->len, name);
    dns_put16(q->data, &q->len, type);
    dns_put16(q->data, &q->len, LDNS_RR_CLASS_IN);
    q->question_end = q->len;
    if (!edns)
        return;
    q->data[q->len++] = 0; /* the root owns OPT */
    dns_put16(q->data, &q->len, LDNS_RR_TYPE_OPT);
    dns_put16(q->data, &q->len, DNS_UDP_SIZE);
    for (size_t i = 0; i < 3; i++)
        dns_put16(q->data, &q->len, 0);
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
    bool is_answer = (flags & FLAG_QR) != 0 && (flags & OPCODES) == 0;
    if (!is_answer)
        return DNS_NOT_OURS;
    unsigned rcode = flags & 0xf;
    *ret_rcode = rcode;
    bool had_edns = (q->flags & DNS_WIRE_EDNS) != 0;
    bool knows_no_edns = rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_NOTIMPL;
    /* Servers that understand nothing send the bare header. */
    bool bare = get16(data + 4) == 0 && knows_no_edns;
    if (!bare && !same_question(q, data, len))
        return DNS_NOT_OURS;
    if (had_edns && knows_no_edns)
        return DNS_NO_EDNS;
    if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
        return DNS_REFUSED;
    return (flags & FLAG_TC) != 0 ? DNS_TRUNCATED : DNS_ANSWERED;
}

/* ---- the records ---- */

static bool name_text(const ldns_rdf *name, char out[DNS_NAME_MAX + 1])
{
    const struct dns_record r = {.data = ldns_rdf_data(name), .len = ldns_rdf_size(name)};
    return dns_record_name(&r, out);
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

/* ---- the authority ---- */

/* The owner of rr, where name is in it. */
static bool zone_above(const ldns_rr *rr, const char *name, char out[DNS_NAME_MAX + 1])
{
    char zone[DNS_NAME_MAX + 1];
    if (ldns_rr_owner(rr) == NULL || !name_text(ldns_rr_owner(rr), zone))
        return false;
    size_t below = strlen(name) - strlen(zone);
    if (!str_ends(name, zone) || (below > 0 && name[below - 1] != '.'))
        return false;
    str_copy(out, DNS_NAME_MAX + 1, zone);
    return true;
}

static const ldns_rr *authority_at(const ldns_pkt *pkt, size_t i, ldns_rr_type type, size_t fields)
{
    const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_authority(pkt), i);
    bool is = ldns_rr_get_type(rr) == type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
              ldns_rr_rd_count(rr) == fields;
    return is ? rr : NULL;
}

/* RFC 2308 section 2: beside an absence is the SOA, in a referral there are NS records and no SOA. */
static void read_authority(const ldns_pkt *pkt, struct dns_reply *r)
{
    const char *name = r->answer.name;
    size_t count = ldns_rr_list_rr_count(ldns_pkt_authority(pkt));
    for (size_t i = 0; i < count; i++) {
        const ldns_rr *soa = authority_at(pkt, i, LDNS_RR_TYPE_SOA, 7);
        if (soa != NULL && zone_above(soa, name, r->zone))
            return;
    }
    for (size_t i = 0; r->answer.exists && i < count; i++) {
        const ldns_rr *ns = authority_at(pkt, i, LDNS_RR_TYPE_NS, 1);
        char zone[DNS_NAME_MAX + 1];
        char target[DNS_NAME_MAX + 1];
        if (ns == NULL || !zone_above(ns, name, zone) || !name_text(ldns_rr_rdf(ns, 0), target) ||
            (*r->zone != '\0' && !str_eq(r->zone, zone)))
            continue;
        str_copy(r->zone, sizeof(r->zone), zone);
        if (r->nameservers.len < DNS_ASK_SERVERS_MAX)
            strlist_add(&r->nameservers, target);
    }
}

/* ---- all of it ---- */

void dns_reply_release(struct dns_reply *r)
{
    dns_answer_release(&r->answer);
    strlist_release(&r->nameservers);
    *r = (struct dns_reply){.verdict = r->verdict, .rcode = r->rcode};
}

static enum dns_verdict read_message(const struct dns_wire_query *q, const ldns_pkt *pkt,
                                     struct dns_reply *r)
{
    if (ldns_rr_list_rr_count(ldns_pkt_question(pkt)) != 1)
        return DNS_MALFORMED;
    enum dns_verdict verdict = read_records(q, pkt, &r->answer);
    if (verdict == DNS_MALFORMED || (q->flags & DNS_WIRE_RECURSE) != 0)
        return verdict;
    r->authoritative = ldns_pkt_aa(pkt);
    if (r->answer.count == 0)
        read_authority(pkt, r);
    return verdict;
}

void dns_wire_read(const struct dns_wire_query *query, const unsigned char *data, size_t len,
                   struct dns_reply *ret_reply)
{
    struct dns_reply r = {0};
    r.verdict = judge_envelope(query, data, len, &r.rcode);
    ldns_pkt *pkt = NULL;
    if (r.verdict == DNS_ANSWERED)
        r.verdict = ldns_wire2pkt(&pkt, data, len) == LDNS_STATUS_OK ? read_message(query, pkt, &r)
                                                                     : DNS_MALFORMED;
    if (r.verdict == DNS_MALFORMED)
        dns_reply_release(&r);
    ldns_pkt_free(pkt);
    *ret_reply = r;
}

const char *dns_rcode_str(unsigned rcode)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};
    return rcode < ARRAY_LEN(names) ? names[rcode] : "an unknown response code";
}
