/* SPDX-License-Identifier: Apache-2.0 */
/* The rfc2136 provider without servers: what a config may say, whom it asks, and with which key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"
#include "support/scripted_dns.h"
#include "update_env.h"

#define SIGNED                                                                                     \
    "\"tsigKeyName\":\"certroll\",\"tsigSecretSecretRef\":{\"name\":\"tsig\",\"key\":\"key\"}"

/* Servers that answer each message with a response code, or fail. */
struct servers {
    struct scripted_dns dns;
    unsigned rcode;
    const char *silent; /* this one says nothing */
    struct strlist asked;
    unsigned char message[2048];
    size_t len;
    unsigned flags;
    bool tcp;
};

static struct err *exchange(void *ctx, const struct dns_message *m, const struct stop *stop,
                            struct buf *ret_reply)
{
    /* The transport is the first member. */
    struct servers *s = ctx;
    (void)stop;
    strlist_add(&s->asked, m->server);
    memcpy(s->message, m->data, m->len);
    s->len = m->len;
    s->flags = m->flags;
    s->tcp = m->tcp;
    if (str_eq(m->server, s->silent))
        return err_new(ERR_TRANSIENT, "Timeout", "no answer in time");
    unsigned char reply[12] = {s->message[0], s->message[1], 0xa8, (unsigned char)s->rcode};
    *ret_reply = BUF_INIT(512);
    return buf_add(ret_reply, reply, sizeof(reply));
}

static void servers_init(struct servers *s)
{
    *s = (struct servers){0};
    scripted_dns_init(&s->dns);
    s->dns.transport.exchange = exchange;
}

static void servers_release(struct servers *s)
{
    strlist_release(&s->asked);
}
#define SERVERS AUTO(servers_release) struct servers

static void configs_say_what_to_write(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *complaint; /* NULL: fine */
    } rows[] = {
        {"{\"nameserver\":\"192.0.2.1\"}", NULL},
        {"{\"nameserver\":\"192.0.2.1:5353\"," SIGNED "}", NULL},
        {"{\"nameserver\":\"2001:db8::1\",\"protocol\":\"TCP\"}", NULL},
        {"{\"nameserver\":\"[2001:db8::1]:53\"}", NULL},
        {"{\"nameserver\":\"[2001:db8::1]\"}", NULL},
        {"{\"nameserver\":\"ns1.example.com.:53\"}", NULL},
        {"{\"nameserver\":\"ns1.example.com\",\"tsigAlgorithm\":\"HmacSHA384\"," SIGNED "}", NULL},
        {"{}", "nameserver: required"},
        {"{\"nameserver\":\"\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"ns1.example.com:\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"ns1.example.com:0\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"ns1.example.com:65536\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"udp://ns1\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"[192.0.2.1]:53\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"[2001:db8::1\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"[2001:db8::1]53\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"a b\"}", "HOST or HOST:PORT"},
        {"{\"nameserver\":\"ns1\",\"tsigKeyName\":\"k\"}", "both of tsigKeyName"},
        {"{\"nameserver\":\"ns1\",\"tsigSecretSecretRef\":{\"name\":\"tsig\",\"key\":\"key\"}}",
         "both of tsigKeyName"},
        {"{\"nameserver\":\"ns1\",\"tsigAlgorithm\":\"SHA256\"}", "write HMACSHA256"},
        {"{\"nameserver\":\"ns1\",\"protocol\":\"udp\"}", "protocol: "},
    };
    UPDATE_ENV u;
    update_env_init(&u, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err *e = update_configure(&u, rows[i].config);
        if (rows[i].complaint == NULL)
            expect_ok(e);
        else if (e == NULL)
            fail_msg("accepted: %s", rows[i].config);
        else
            expect_err(e, ERR_INVALID, NULL, rows[i].complaint);
    }
}

static void the_server_is_an_address_or_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *asked; /* the first is silent where there are two */
    } rows[] = {
        {"{\"nameserver\":\"192.0.2.1\"}", "192.0.2.1:53"},
        {"{\"nameserver\":\"192.0.2.1:5353\",\"protocol\":\"TCP\"}", "192.0.2.1:5353"},
        {"{\"nameserver\":\"2001:db8::1\"}", "[2001:db8::1]:53"},
        {"{\"nameserver\":\"[2001:db8::1]:5353\"}", "[2001:db8::1]:5353"},
        {"{\"nameserver\":\"NS1.test\"}", "192.0.2.66:53 192.0.2.1:53"},
        {"{\"nameserver\":\"ns1.test.:5353\"}", "192.0.2.66:5353"},
        {"{\"nameserver\":\"ns6.test\"}", "[2001:db8::1]:53"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SERVERS s;
        servers_init(&s);
        s.silent = "192.0.2.66:53";
        scripted_dns_address(&s.dns, "ns1.test", "192.0.2.66");
        scripted_dns_address(&s.dns, "ns1.test", "192.0.2.1");
        scripted_dns_address(&s.dns, "ns6.test", "2001:db8::1");
        UPDATE_ENV u;
        update_env_init(&u, &s.dns.transport, NULL);
        expect_ok(update_configure(&u, rows[i].config));
        expect_ok(update_present(&u, "value"));
        auto_free char *asked = strlist_join(&s.asked, " ", 0);
        assert_string_equal(asked, rows[i].asked);
        assert_int_equal(s.flags, DNS_GUARDED);
        assert_int_equal(s.tcp, strstr(rows[i].config, "TCP") != NULL);
    }
    SERVERS s;
    servers_init(&s);
    UPDATE_ENV u;
    update_env_init(&u, &s.dns.transport, NULL);
    expect_ok(update_configure(&u, "{\"nameserver\":\"gone.test\"}"));
    expect_err(update_present(&u, "value"), ERR_TRANSIENT, "DNSFailed", "gone.test has no address");
}

static void the_key_is_that_of_the_secret(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        const char *algorithm;
        const char *wire;      /* in the message; NULL: an error */
        const char *complaint; /* of ERR_INVALID */
    } rows[] = {
        {"c2VjcmV0", "", "\x08hmac-md5\x07sig-alg\x03reg\x03int", NULL},
        {"c2Vj\n cmV0\t\n", ",\"tsigAlgorithm\":\"HMACSHA224\"", "\x0bhmac-sha224", NULL},
        {"c2VjcmV0", ",\"tsigAlgorithm\":\"HMACSHA1\"", "\x09hmac-sha1", NULL},
        {"secret!", "", NULL, "in base64, as tsig-keygen prints it"},
        {"c2VjcmV", "", NULL, "in base64"},
        {" \n", "", NULL, "in base64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SERVERS s;
        servers_init(&s);
        s.rcode = 5;
        UPDATE_ENV u;
        update_env_init(&u, &s.dns.transport, rows[i].secret);
        auto_free char *config =
            x_printf("{\"nameserver\":\"192.0.2.1\"," SIGNED "%s}", rows[i].algorithm);
        expect_ok(update_configure(&u, config));
        struct err *e = update_present(&u, "value");
        if (rows[i].wire == NULL) {
            if (strstr(e->message, rows[i].secret) != NULL)
                fail_msg("the secret is in \"%s\"", e->message);
            expect_err(e, ERR_INVALID, "InvalidSecret", rows[i].complaint);
            continue;
        }
        expect_err(e, ERR_DENIED, "Refused", "with key certroll: answered REFUSED");
        assert_int_equal(s.message[11], 1);
        assert_non_null(memmem(s.message, s.len, rows[i].wire, strlen(rows[i].wire)));
        assert_non_null(memmem(s.message, s.len,
                               "\x08"
                               "certroll\0\0\xfa",
                               12));
    }
    SERVERS s;
    servers_init(&s);
    UPDATE_ENV u;
    update_env_init(&u, &s.dns.transport, NULL);
    expect_ok(update_configure(&u, "{\"nameserver\":\"192.0.2.1\"," SIGNED "}"));
    expect_err(update_present(&u, "value"), ERR_NOT_FOUND, "SecretNotFound", "tsigSecretSecretRef");
    expect_err(update_clean_up(&u, "value"), ERR_NOT_FOUND, "SecretNotFound", NULL);
    assert_int_equal(s.asked.len, 0);
}

static void a_zone_that_is_gone_is_clean(void **state)
{
    (void)state;
    static const struct {
        unsigned rcode;
        enum err_kind present;
        bool clean;
    } rows[] = {
        {9, ERR_DENIED, false},    /* NOTAUTH, not signed: the key may be another one */
        {10, ERR_NOT_FOUND, true}, /* NOTZONE */
        {5, ERR_DENIED, false},    /* REFUSED */
        {2, ERR_TRANSIENT, false}, /* SERVFAIL */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SERVERS s;
        servers_init(&s);
        s.rcode = rows[i].rcode;
        UPDATE_ENV u;
        update_env_init(&u, &s.dns.transport, "c2VjcmV0");
        expect_ok(update_configure(&u, "{\"nameserver\":\"192.0.2.1\"," SIGNED "}"));
        expect_err(update_present(&u, "value"), rows[i].present, NULL, "zone dyn.test");
        struct err *e = update_clean_up(&u, "value");
        if (rows[i].clean)
            expect_ok(e);
        else
            expect_err(e, rows[i].present, NULL, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_say_what_to_write),
        cmocka_unit_test(the_server_is_an_address_or_a_name),
        cmocka_unit_test(the_key_is_that_of_the_secret),
        cmocka_unit_test(a_zone_that_is_gone_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
