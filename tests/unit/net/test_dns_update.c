/* SPDX-License-Identifier: Apache-2.0 */
/* Updates: the bytes that are sent, and what each answer means. tests/unit/dns01 has real servers for it. */
#include "net/dns_update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_peer.h"
#include "net/dns_update_wire.h"
#include "pki/mac.h"
#include "support/expect.h"

#define NOW INT64_C(1700000000)
#define ID 0x1234
#define KEY "0123456789abcdef"
#define NAME "_acme-challenge.a.test"

static void mac(void *ctx, const void *data, size_t len, unsigned char out[DNS_MAC_MAX],
                size_t *ret_len)
{
    const char *key = ctx;
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){key, strlen(key)},
                       (struct pki_bytes){data, len}, out));
    *ret_len = pki_hash_size(PKI_SHA256);
}

static char right_key[] = KEY;
static const struct dns_tsig tsig = {
    .key_name = "Certroll.", .algorithm = "hmac-sha256", .mac = mac, .ctx = right_key};

static struct dns_update some_update(void)
{
    return (struct dns_update){.server = "192.0.2.1",
                               .zone = "A.test.",
                               .name = NAME,
                               .text = "value",
                               .ttl = 60,
                               .tsig = &tsig};
}

/* ---- what is sent ---- */

#define UPDATE_WIRE                                                                                \
    "0161047465737400"                                                                             \
    "00060001"                                                                                     \
    "0f5f61636d652d6368616c6c656e67650161047465737400"                                             \
    "0010"

static void messages_are_the_bytes_of_the_rfcs(void **state)
{
    (void)state;
    /* The MAC was computed by another implementation of RFC 8945. */
    static const struct {
        bool remove;
        bool is_signed;
        const char *want;
    } rows[] = {
        {false, false,
         "123428000001000000010000" UPDATE_WIRE "00010000003c0006"
         "0576616c7565"},
        {true, false,
         "123428000001000000010000" UPDATE_WIRE "00fe000000000006"
         "0576616c7565"},
        {false, true,
         "123428000001000000010001" UPDATE_WIRE "00010000003c0006"
         "0576616c7565"
         "0863657274726f6c6c0000fa00ff00000000003d0b686d61632d736861323536000000"
         "6553f100012c0020"
         "2c8e6a9feeb5df5e96050b4a38fed4cf1ba188ac4bef708e58b58a2507f2b5ca"
         "123400000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_update u = some_update();
        u.remove = rows[i].remove;
        u.tsig = rows[i].is_signed ? &tsig : NULL;
        struct dns_update_message m;
        expect_ok(dns_update_build(&u, ID, NOW * NS_PER_SEC, &m));
        auto_free char *hex = hex_encode(m.data, m.len);
        assert_string_equal(hex, rows[i].want);
    }
}

static void the_longest_of_everything_fits(void **state)
{
    (void)state;
    char name[DNS_NAME_MAX + 1], text[257];
    for (size_t i = 0; i < DNS_NAME_MAX; i++)
        name[i] = i % 64 == 63 ? '.' : 'x';
    name[DNS_NAME_MAX] = '\0';
    memset(text, 'x', sizeof(text));
    text[255] = '\0';
    const struct dns_tsig longest = {
        .key_name = name, .algorithm = name, .mac = mac, .ctx = right_key};
    struct dns_update u = {.server = "192.0.2.1", .zone = name, .name = name, .text = text};
    u.tsig = &longest;
    struct dns_update_message m;
    expect_ok(dns_update_build(&u, ID, NOW * NS_PER_SEC, &m));
    assert_true(m.len < DNS_UPDATE_MAX);
    text[255] = 'x';
    text[256] = '\0';
    expect_err(dns_update_build(&u, ID, 0, &m), ERR_INVALID, "InvalidText", "255 bytes");
    u = some_update();
    u.zone = ".";
    expect_err(dns_update_build(&u, ID, 0, &m), ERR_INVALID, "InvalidName", "the zone is not");
    u = some_update();
    u.name = "a b";
    expect_err(dns_update_build(&u, ID, 0, &m), ERR_INVALID, "InvalidName", "record's name");
    const struct dns_tsig nameless = {.key_name = "a\"b", .algorithm = "hmac-sha256"};
    u = some_update();
    u.tsig = &nameless;
    expect_err(dns_update_build(&u, ID, 0, &m), ERR_INVALID, "InvalidName", "name of the TSIG key");
}

/* ---- what comes back ---- */

struct answer {
    unsigned rcode;
    bool is_signed;
    bool has_tsig;   /* without a MAC */
    const char *key; /* NULL = the right one */
    const char *key_name;
    unsigned error;
    int64_t signed_at; /* 0 = NOW */
    const char *other; /* 6 bytes */
    bool changed;      /* after it was signed */
    bool cut;
    bool repeats; /* the update's own records, as some servers do */
    size_t extra; /* records behind that, to be too long */
};

struct server {
    struct dns_transport transport;
    struct answer answer;
    struct err *fails;
    unsigned flags;
    bool tcp;
};

static void put(struct dns_bytes *b, const void *data, size_t len)
{
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put_int(struct dns_bytes *b, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        b->data[b->len++] = (unsigned char)(value >> (8 * bytes));
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

/* RFC 8945 section 5.3: the request's MAC, the answer, the variables. */
static void add_tsig(const struct answer *a, const unsigned char *request, size_t request_len,
                     struct dns_bytes *b)
{
    const char *key_name = str_or(a->key_name, "certroll");
    uint64_t at = (uint64_t)(a->signed_at != 0 ? a->signed_at : NOW);
    size_t other_len = a->other == NULL ? 0 : 6;
    struct dns_bytes input = {.len = 0};
    put_int(&input, 32, 2);
    put(&input, request + request_len - 32 - 6, 32);
    put(&input, b->data, b->len);
    put_name(&input, key_name);
    put_int(&input, 255, 2);
    put_int(&input, 0, 4);
    struct dns_bytes rdata = {.len = 0};
    put_name(&rdata, "hmac-sha256");
    put_int(&rdata, at, 6);
    put_int(&rdata, 300, 2);
    put(&input, rdata.data, rdata.len);
    put_int(&input, a->error, 2);
    put_int(&input, other_len, 2);
    put(&input, a->other, other_len);
    unsigned char sum[DNS_MAC_MAX];
    size_t sum_len = 0;
    auto_free char *key = x_strdup(str_or(a->key, right_key));
    mac(key, input.data, input.len, sum, &sum_len);
    put_int(&rdata, a->is_signed ? sum_len : 0, 2);
    put(&rdata, sum, a->is_signed ? sum_len : 0);
    put(&rdata, request, 2);
    put_int(&rdata, a->error, 2);
    put_int(&rdata, other_len, 2);
    put(&rdata, a->other, other_len);
    put_name(b, key_name);
    put_int(b, 250, 2);
    put_int(b, 255, 2);
    put_int(b, 0, 4);
    put_int(b, rdata.len, 2);
    put(b, rdata.data, rdata.len);
    b->data[11]++;
}

static struct err *exchange(void *ctx, const struct dns_message *m, const struct stop *stop,
                            struct buf *ret_reply)
{
    struct server *s = ctx;
    (void)stop;
    s->flags = m->flags;
    s->tcp = m->tcp;
    if (s->fails != NULL)
        return TAKE(s->fails);
    struct dns_bytes b;
    dns_bytes_reply(&b, m->data, m->len, s->answer.rcode);
    b.data[2] = 0xa8;
    b.data[3] = (unsigned char)s->answer.rcode;
    if (s->answer.repeats)
        dns_bytes_rr(&b, &(struct dns_bytes_record){2, NAME, 16, 60}, "\5value", 6);
    for (size_t i = 0; i < s->answer.extra; i++)
        dns_bytes_txt(&b, "a.test", "something that makes it long", 60);
    if (s->answer.is_signed || s->answer.has_tsig)
        add_tsig(&s->answer, m->data, m->len, &b);
    if (s->answer.changed)
        b.data[3] ^= 0x20;
    *ret_reply = BUF_INIT(DNS_BYTES_MAX);
    return buf_add(ret_reply, b.data, s->answer.cut ? b.len - 1 : b.len);
}

static struct err *update(struct server *s, const struct dns_update *u)
{
    s->transport = (struct dns_transport){.exchange = exchange, .ctx = s};
    struct clock_manual clock;
    clock_manual_init(&clock, NOW * NS_PER_SEC);
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    return dns_update(&s->transport, &clock.clock, &rng.rng, u, NULL);
}

static const char an_hour_later[] = "\0\0\x65\x53\xff\x10";
static const struct {
    const char *what;
    struct answer answer;
    enum err_kind kind;
    const char *reason; /* NULL: done */
    const char *text;
} answers[] = {
    {"done", {.is_signed = true}, 0, NULL, NULL},
    {"with all of it", {.is_signed = true, .repeats = true}, 0, NULL, NULL},
    {"of 5 minutes", {.is_signed = true, .signed_at = NOW + 300}, 0, NULL, NULL},
    {"not signed", {0}, ERR_DENIED, "BadSignature", "not signed"},
    {"no MAC", {.has_tsig = true}, ERR_DENIED, "BadSignature", "not signed"},
    {"other key", {.is_signed = true, .key = "x"}, ERR_DENIED, "BadSignature", "is wrong"},
    {"its name", {.is_signed = true, .key_name = "x"}, ERR_DENIED, "BadSignature", "is wrong"},
    {"changed", {.is_signed = true, .changed = true}, ERR_DENIED, "BadSignature", "is wrong"},
    {"old", {.is_signed = true, .signed_at = NOW - 301}, ERR_DENIED, "BadTime", "5 minutes behind"},
    {"any time",
     {.is_signed = true, .signed_at = INT64_C(0xffffffffffff)},
     ERR_DENIED,
     "BadTime",
     "4691221278511 minutes ahead of ours"},
    {"BADSIG", {.rcode = 9, .has_tsig = true, .error = 16}, ERR_DENIED, "BadSignature", "secret"},
    {"BADKEY", {.rcode = 9, .has_tsig = true, .error = 17}, ERR_DENIED, "BadKey", "hmac-sha256"},
    {"BADTIME",
     {.rcode = 9, .is_signed = true, .error = 18, .other = an_hour_later},
     ERR_DENIED,
     "BadTime",
     "the server's clock is 60 minutes ahead of ours"},
    {"BADTIME of anybody",
     {.rcode = 9, .has_tsig = true, .error = 18, .other = an_hour_later},
     ERR_DENIED,
     "BadTime",
     "the clocks differ"},
    {"BADTRUNC",
     {.rcode = 9, .is_signed = true, .error = 22},
     ERR_DENIED,
     "NotAuthorized",
     "error 22"},
    {"NOTAUTH", {.rcode = 9, .is_signed = true}, ERR_NOT_FOUND, "ZoneNotFound", "let the solver's"},
    {"NOTAUTH alone", {.rcode = 9}, ERR_DENIED, "NotAuthorized", "not accept this key with hmac"},
    {"NOTZONE", {.rcode = 10, .is_signed = true}, ERR_NOT_FOUND, "NotZone", NAME " is not in"},
    {"REFUSED", {.rcode = 5, .is_signed = true}, ERR_DENIED, "Refused", "allow the key"},
    {"SERVFAIL", {.rcode = 2}, ERR_TRANSIENT, "DNSFailed", "answered SERVFAIL: look"},
    {"FORMERR", {.rcode = 1}, ERR_TRANSIENT, "DNSFailed", "answered FORMERR"},
    {"NOTIMP", {.rcode = 4}, ERR_TRANSIENT, "DNSFailed", "takes no dynamic updates"},
    {"YXRRSET", {.rcode = 7}, ERR_TRANSIENT, "DNSFailed", "answered YXRRSET"},
    {"cut", {.is_signed = true, .cut = true}, ERR_TRANSIENT, "DNSFailed", "malformed"},
    {"too long", {.is_signed = true, .extra = 90}, ERR_TRANSIENT, "DNSFailed", "malformed"},
};

static void answers_have_their_meaning(void **state)
{
    (void)state;
    const struct dns_update u = some_update();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct server s = {.answer = answers[i].answer};
        AUTO_ERR e = update(&s, &u);
        bool same = answers[i].reason == NULL ? e == NULL
                                              : e != NULL && e->kind == answers[i].kind &&
                                                    str_eq(e->reason, answers[i].reason) &&
                                                    strstr(e->message, answers[i].text) != NULL;
        if (!same)
            fail_msg("%s: %s %s", answers[i].what, e == NULL ? "done" : e->reason,
                     e == NULL ? "" : e->message);
        if (e != NULL)
            assert_non_null(
                strstr(e->message, "update of zone A.test. at 192.0.2.1 with key Certroll.: "));
    }
}

static void without_a_key_nothing_has_to_be_signed(void **state)
{
    (void)state;
    struct dns_update u = some_update();
    u.tsig = NULL;
    u.tcp = true;
    u.flags = DNS_GUARDED;
    struct server s = {.answer = {0}};
    expect_ok(update(&s, &u));
    assert_true(s.tcp);
    assert_int_equal(s.flags, DNS_GUARDED);
    s.answer = (struct answer){.rcode = 5};
    expect_err(update(&s, &u), ERR_DENIED, "Refused", "allow updates without a key to change TXT");
    s.answer = (struct answer){.rcode = 9};
    expect_err(update(&s, &u), ERR_DENIED, "NotAuthorized", "takes no updates without a key");
    s.answer = (struct answer){.rcode = 9, .has_tsig = true, .error = 17};
    expect_err(update(&s, &u), ERR_DENIED, "BadKey", NULL);
    s.fails = err_new(ERR_TRANSIENT, "Timeout", "no answer in time");
    expect_err(update(&s, &u), ERR_TRANSIENT, "Timeout",
               "update of zone A.test. at 192.0.2.1: no answer in time: look at its port");
}

static void no_answer_is_too_strange(void **state)
{
    (void)state;
    const struct dns_update u = some_update();
    struct dns_update_message m;
    expect_ok(dns_update_build(&u, ID, NOW * NS_PER_SEC, &m));
    struct dns_bytes b;
    dns_bytes_reply(&b, m.data, m.len, 0);
    add_tsig(&(struct answer){.is_signed = true}, m.data, m.len, &b);
    struct dns_update_reply r;
    assert_true(dns_update_read(&m, b.data, b.len, &r));
    assert_int_equal(r.signature, DNS_SIGNED);
    for (size_t len = 0; len < b.len; len++) {
        auto_free unsigned char *exact = x_memdup(b.data, len);
        assert_false(dns_update_read(&m, exact, len, &r));
    }
    /* Each byte counts but the id, which the TSIG record has again. */
    for (size_t i = 2; i < b.len; i++) {
        auto_free unsigned char *other = x_memdup(b.data, b.len);
        other[i] ^= 1;
        if (dns_update_read(&m, other, b.len, &r) && r.signature == DNS_SIGNED)
            fail_msg("byte %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_the_bytes_of_the_rfcs),
        cmocka_unit_test(the_longest_of_everything_fits),
        cmocka_unit_test(answers_have_their_meaning),
        cmocka_unit_test(without_a_key_nothing_has_to_be_signed),
        cmocka_unit_test(no_answer_is_too_strange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
