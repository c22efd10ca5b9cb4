/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_update_wire.h"

#include <ldns/ldns.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "net/dns_wire.h"

#define HEADER_SIZE 12
#define FLAGS_UPDATE 0x2800 /* opcode 5 */
#define CLASS_IN 1
#define CLASS_NONE 254
#define CLASS_ANY 255
#define TYPE_TSIG 250
#define TEXT_MAX 255
#define OTHER_MAX 16 /* bytes of TSIG's other data: the server's clock has 6 */
#define TIME_SIZE 6
/* Key, class, TTL, algorithm, and the rest of what is signed beside the message. */
#define VARIABLES_MAX (2 * (DNS_NAME_MAX + 2) + 18 + OTHER_MAX)

/* ---- TSIG ---- */

/* What a TSIG record says beside names and MAC. */
struct tsig_times {
    uint64_t signed_at; /* s */
    unsigned fudge;
    unsigned error;
    const unsigned char *other;
    size_t other_len;
};

static void put_time(unsigned char *data, size_t *len, const struct tsig_times *t)
{
    dns_put16(data, len, (unsigned)(t->signed_at >> 32 & 0xffff));
    dns_put16(data, len, (unsigned)(t->signed_at >> 16 & 0xffff));
    dns_put16(data, len, (unsigned)(t->signed_at & 0xffff));
    dns_put16(data, len, t->fudge);
}

static void put_bytes(unsigned char *data, size_t *len, const unsigned char *bytes, size_t count)
{
    if (count > 0)
        memcpy(data + *len, bytes, count);
    *len += count;
}

static void put_error(unsigned char *data, size_t *len, const struct tsig_times *t)
{
    dns_put16(data, len, t->error);
    dns_put16(data, len, (unsigned)t->other_len);
    put_bytes(data, len, t->other, t->other_len);
}

/* RFC 8945 section 4.3.3. */
static void put_variables(const struct dns_update_message *m, const struct tsig_times *t,
                          unsigned char *data, size_t *len)
{
    dns_put_name(data, len, m->key_name);
    dns_put16(data, len, CLASS_ANY);
    dns_put16(data, len, 0); /* the TTL */
    dns_put16(data, len, 0);
    dns_put_name(data, len, m->algorithm);
    put_time(data, len, t);
    put_error(data, len, t);
}

static void compute_mac(const struct dns_update_message *m, const unsigned char *input, size_t len,
                        unsigned char out[DNS_MAC_MAX], size_t *ret_len)
{
    m->tsig->mac(m->tsig->ctx, input, len, out, ret_len);
    if (*ret_len > DNS_MAC_MAX)
        x_abort("a MAC is longer than any");
}

static void sign(struct dns_update_message *m, int64_t now)
{
    const struct tsig_times t = {.signed_at = (uint64_t)(now / NS_PER_SEC),
                                 .fudge = DNS_TSIG_FUDGE};
    unsigned char input[DNS_UPDATE_MAX + VARIABLES_MAX];
    size_t input_len = 0;
    put_bytes(input, &input_len, m->data, m->len);
    put_variables(m, &t, input, &input_len);
    compute_mac(m, input, input_len, m->mac, &m->mac_len);
    unsigned char rdata[VARIABLES_MAX + DNS_MAC_MAX];
    size_t len = 0;
    dns_put_name(rdata, &len, m->algorithm);
    put_time(rdata, &len, &t);
    dns_put16(rdata, &len, (unsigned)m->mac_len);
    put_bytes(rdata, &len, m->mac, m->mac_len);
    put_bytes(rdata, &len, m->data, 2); /* the id as it was signed */
    put_error(rdata, &len, &t);
    dns_put_name(m->data, &m->len, m->key_name);
    dns_put16(m->data, &m->len, TYPE_TSIG);
    dns_put16(m->data, &m->len, CLASS_ANY);
    dns_put16(m->data, &m->len, 0);
    dns_put16(m->data, &m->len, 0);
    dns_put16(m->data, &m->len, (unsigned)len);
    put_bytes(m->data, &m->len, rdata, len);
    m->data[HEADER_SIZE - 1] = 1;
}

/* ---- the update ---- */

static struct err *copy_name(const char *name, const char *what, char out[DNS_NAME_MAX + 1])
{
    if (dns_name_copy(name, out))
        return NULL;
    return err_new(ERR_INVALID, "InvalidName", "the %s is not a DNS name", what);
}

/* RFC 2136 sections 2.5.1 and 2.5.4. */
static void put_record(struct dns_update_message *m, const struct dns_update *u, const char *name)
{
    size_t text_len = strlen(u->text);
    uint32_t ttl = u->remove ? 0 : u->ttl;
    dns_put_name(m->data, &m->len, name);
    dns_put16(m->data, &m->len, DNS_TXT);
    dns_put16(m->data, &m->len, u->remove ? CLASS_NONE : CLASS_IN);
    dns_put16(m->data, &m->len, ttl >> 16);
    dns_put16(m->data, &m->len, ttl & 0xffff);
    dns_put16(m->data, &m->len, (unsigned)text_len + 1);
    m->data[m->len++] = (unsigned char)text_len;
    put_bytes(m->data, &m->len, (const unsigned char *)u->text, text_len);
}

struct err *dns_update_build(const struct dns_update *u, uint16_t id, int64_t now,
                             struct dns_update_message *ret_message)
{
    struct dns_update_message m = {.tsig = u->tsig};
    char zone[DNS_NAME_MAX + 1], name[DNS_NAME_MAX + 1];
    TRY(copy_name(u->zone, "zone", zone));
    TRY(copy_name(u->name, "record's name", name));
    if (strlen(u->text) > TEXT_MAX)
        return err_new(ERR_INVALID, "InvalidText", "a text of more than %d bytes", TEXT_MAX);
    if (u->tsig != NULL) {
        TRY(copy_name(u->tsig->key_name, "name of the TSIG key", m.key_name));
        TRY(copy_name(u->tsig->algorithm, "TSIG algorithm", m.algorithm));
    }
    static const unsigned counts[] = {1, 0, 1, 0}; /* zone, prerequisites, updates, additional */
    dns_put16(m.data, &m.len, id);
    dns_put16(m.data, &m.len, FLAGS_UPDATE);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        dns_put16(m.data, &m.len, counts[i]);
    dns_put_name(m.data, &m.len, zone);
    dns_put16(m.data, &m.len, DNS_SOA);
    dns_put16(m.data, &m.len, CLASS_IN);
    put_record(&m, u, name);
    if (u->tsig != NULL)
        sign(&m, now);
    *ret_message = m;
    return NULL;
}

/* ---- the answer ---- */

static void rr_freep(ldns_rr **rr)
{
    ldns_rr_free(*rr);
}

static unsigned get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The last record of the message, and where it starts: NULL there when the message has no records. */
static bool last_record(const unsigned char *data, size_t len, ldns_rr **ret_rr, size_t *ret_start)
{
    size_t questions = get16(data + 4);
    size_t records = (size_t)get16(data + 6) + get16(data + 8) + get16(data + 10);
    size_t at = HEADER_SIZE, start = at;
    ldns_rr *rr = NULL;
    for (size_t i = 0; i < questions + records; i++) {
        ldns_rr_free(rr);
        rr = NULL;
        start = at;
        ldns_pkt_section section = i < questions ? LDNS_SECTION_QUESTION : LDNS_SECTION_ANSWER;
        if (ldns_wire2rr(&rr, data, len, &at, section) != LDNS_STATUS_OK)
            return false;
    }
    if (records == 0) {
        ldns_rr_free(rr);
        rr = NULL;
    }
    *ret_rr = rr;
    *ret_start = start;
    return at == len;
}

static bool is_name(const ldns_rdf *rdf, const char *name)
{
    char text[DNS_NAME_MAX + 1];
    const struct dns_record r = {.data = ldns_rdf_data(rdf), .len = ldns_rdf_size(rdf)};
    return dns_record_name(&r, text) && strcmp(text, name) == 0;
}

/* A field that starts with its length, as ldns has checked it. */
static const unsigned char *counted(const ldns_rr *rr, size_t field, size_t *ret_len)
{
    const ldns_rdf *rdf = ldns_rr_rdf(rr, field);
    *ret_len = ldns_rdf_size(rdf) - 2;
    return ldns_rdf_data(rdf) + 2;
}

static uint64_t get_time(const unsigned char *at)
{
    return (uint64_t)get16(at) << 32 | (uint64_t)get16(at + 2) << 16 | get16(at + 4);
}

/* RFC 8945 section 4.3: our MAC, the answer as it was before its TSIG record, and what that says. */
static bool signature_is_right(const struct dns_update_message *sent, const unsigned char *data,
                               size_t tsig_start, const ldns_rr *tsig, const struct tsig_times *t)
{
    size_t mac_len = 0;
    const unsigned char *mac = counted(tsig, 3, &mac_len);
    unsigned char input[2 + DNS_MAC_MAX + DNS_UPDATE_REPLY_MAX + VARIABLES_MAX];
    size_t len = 0;
    dns_put16(input, &len, (unsigned)sent->mac_len);
    put_bytes(input, &len, sent->mac, sent->mac_len);
    unsigned char *message = input + len;
    put_bytes(input, &len, data, tsig_start);
    memcpy(message, ldns_rdf_data(ldns_rr_rdf(tsig, 4)), 2);
    size_t additional = 10;
    dns_put16(message, &additional, get16(data + 10) - 1);
    put_variables(sent, t, input, &len);
    unsigned char want[DNS_MAC_MAX];
    size_t want_len = 0;
    compute_mac(sent, input, len, want, &want_len);
    /* secret_equal() only reads. */
    const struct secret a = {(char *)(uintptr_t)mac, mac_len}, b = {(char *)want, want_len};
    return secret_equal(&a, &b);
}

static bool read_tsig(const struct dns_update_message *sent, const unsigned char *data,
                      size_t tsig_start, const ldns_rr *tsig, struct dns_update_reply *r)
{
    static const size_t fields = 7;
    if (ldns_rr_rd_count(tsig) != fields || ldns_rr_ttl(tsig) != 0 ||
        (unsigned)ldns_rr_get_class(tsig) != CLASS_ANY)
        return false;
    struct tsig_times t = {.signed_at = get_time(ldns_rdf_data(ldns_rr_rdf(tsig, 1))),
                           .fudge = get16(ldns_rdf_data(ldns_rr_rdf(tsig, 2))),
                           .error = get16(ldns_rdf_data(ldns_rr_rdf(tsig, 5)))};
    size_t mac_len = 0;
    (void)counted(tsig, 3, &mac_len);
    t.other = counted(tsig, 6, &t.other_len);
    if (t.other_len > OTHER_MAX)
        return false;
    r->tsig_error = t.error;
    if (mac_len == 0)
        return true;
    bool ours = sent->tsig != NULL && is_name(ldns_rr_owner(tsig), sent->key_name) &&
                is_name(ldns_rr_rdf(tsig, 0), sent->algorithm);
    if (!ours || !signature_is_right(sent, data, tsig_start, tsig, &t)) {
        r->signature = DNS_MISSIGNED;
        return true;
    }
    r->signature = DNS_SIGNED;
    r->signed_at = (int64_t)t.signed_at;
    if (t.error == DNS_TSIG_BADTIME && t.other_len == TIME_SIZE)
        r->server_time = (int64_t)get_time(t.other);
    return true;
}

bool dns_update_read(const struct dns_update_message *sent, const unsigned char *data, size_t len,
                     struct dns_update_reply *ret_reply)
{
    if (len < HEADER_SIZE || len > DNS_UPDATE_REPLY_MAX)
        return false;
    struct dns_update_reply r = {.rcode = data[3] & 0xf};
    AUTO(rr_freep) ldns_rr *rr = NULL;
    size_t start = 0;
    bool sane = last_record(data, len, &rr, &start);
    if (sane && rr != NULL && get16(data + 10) > 0 && ldns_rr_get_type(rr) == LDNS_RR_TYPE_TSIG)
        sane = read_tsig(sent, data, start, rr, &r);
    if (sane)
        *ret_reply = r;
    return sane;
}
