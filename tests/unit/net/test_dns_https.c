/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to resolvers over HTTPS: what is sent, and which answers are believed. */
#include "net/dns_https.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/dns_peer.h"
#include "support/expect.h"

#define URL "https://dns.test/dns-query"

/* The resolver: what it answers, and how it was asked. */
struct resolver {
    struct http_transport transport;
    int status;
    unsigned rcode;
    bool other_question;
    bool cuts;
    bool untrusted;
    unsigned flags;
    size_t calls;
};

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct resolver *r = ctx;
    (void)stop;
    r->calls++;
    r->flags = req->flags;
    assert_string_equal(req->method, "POST");
    assert_string_equal(req->url, URL);
    for (size_t i = 0; i < req->header_count; i++)
        assert_string_equal(req->headers[i].value, "application/dns-message");
    assert_int_equal(req->header_count, 2);
    if (r->untrusted)
        return err_new(ERR_TRANSIENT, "TLSFailed", "unable to get local issuer certificate");
    struct dns_bytes b;
    dns_bytes_reply(&b, req->body, req->body_len, r->rcode);
    dns_bytes_cname(&b, "a.test", "b.test", 60);
    dns_bytes_txt(&b, "b.test", "value", 60);
    if (r->other_question)
        b.data[13] = 'x';
    *ret_response = (struct http_response){.status = r->status, .body = BUF_INIT(DNS_BYTES_MAX)};
    return buf_add(&ret_response->body, b.data, r->cuts ? b.len - 1 : b.len);
}

static struct err *ask(struct resolver *r, const char *url, unsigned flags,
                       struct dns_answer *ret_answer)
{
    r->transport = (struct http_transport){.call = call, .ctx = r};
    const struct dns_question q = {.name = "A.test.", .type = DNS_TXT, .flags = flags};
    return dns_https_query(&r->transport, url, &q, NULL, ret_answer);
}

static void records_come_over_https(void **state)
{
    (void)state;
    struct resolver r = {.status = 200};
    AUTO_DNS_ANSWER a = {0};
    expect_ok(ask(&r, URL, DNS_GUARDED, &a));
    assert_int_equal(r.flags, HTTP_GUARDED | HTTP_VERSION_2);
    assert_string_equal(a.name, "b.test");
    assert_int_equal(a.count, 1);
    auto_free char *text = dns_txt_text(&a.records[0]);
    assert_string_equal(text, "value");
}

static void what_is_no_answer_is_an_error(void **state)
{
    (void)state;
    static const struct {
        struct resolver resolver;
        const char *url;
        enum err_kind kind;
        const char *reason;
        const char *text;
    } rows[] = {
        {{.status = 503}, URL, ERR_TRANSIENT, "DNSFailed", "a.test TXT over HTTPS: answered HTTP"},
        {{.status = 200, .rcode = 2}, URL, ERR_TRANSIENT, "DNSFailed", "answered SERVFAIL"},
        {{.status = 200, .rcode = 1}, URL, ERR_TRANSIENT, "DNSFailed", "malformed"},
        {{.status = 200, .other_question = true}, URL, ERR_TRANSIENT, "DNSFailed", "malformed"},
        {{.status = 200, .cuts = true}, URL, ERR_TRANSIENT, "DNSFailed", "malformed"},
        {{.untrusted = true}, URL, ERR_TRANSIENT, "TLSFailed", "set SSL_CERT_DIR or SSL_CERT_FILE"},
        {{.status = 200}, "http://dns.test/", ERR_INVALID, "InvalidServer", "https://"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resolver r = rows[i].resolver;
        struct dns_answer a = {0};
        expect_err(ask(&r, rows[i].url, 0, &a), rows[i].kind, rows[i].reason, rows[i].text);
        assert_int_equal(r.flags, r.calls > 0 ? HTTP_VERSION_2 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_over_https),
        cmocka_unit_test(what_is_no_answer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
