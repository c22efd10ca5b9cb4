/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net_fixture.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/mem.h"
#include "net/fake_dns.h"
#include "support/expect.h"
#include "support/temp.h"
#include "support/tls_identity.h"

static struct net_fixture fixture;
static struct tls_identity ca, other_ca, server_id, client_id;
static struct secret client_key;

#define EACH_TRANSPORT(t)                                                                          \
    for (int which_ = 0; which_ < NET_TRANSPORTS; which_++)                                        \
        for (const struct http_transport *t = net_transport(&fixture, which_); t != NULL; t = NULL)

static void hello(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        scripted_request_release(&r);
        scripted_respond(c, 200, "", "hello");
    }
}

static struct scripted_server *serve(const char *client_ca)
{
    return scripted_server_start(&(struct scripted_options){.script = hello,
                                                            .cert_pem = server_id.cert_pem,
                                                            .key_pem = server_id.key_pem,
                                                            .client_ca_pem = client_ca});
}

static void test_trust(void **state)
{
    (void)state;
    struct scripted_server *s = serve(NULL);
    auto_free char *url = scripted_server_url(s, "/");
    auto_free char *wrong_name = x_printf("https://wrong.test:%d/", scripted_server_port(s));
    fake_dns_set("wrong.test", "127.0.0.1", 0);
    struct http_tls right = {.ca_pem = ca.cert_pem};
    struct http_tls wrong = {.ca_pem = other_ca.cert_pem};
    struct http_tls broken = {.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END"};
    struct http_tls skip = {.skip_verify = true};
    EACH_TRANSPORT(t)
    {
        for (int i = 0; i < 2; i++) {
            AUTO_RESPONSE r = assert_call(t, &(struct http_request){.url = url, .tls = &right});
            assert_string_equal(buf_str(&r.body), "hello");
        }
        /* A server that knows nothing newer answers by HTTP/1.1 to those who could do more. */
        AUTO_RESPONSE older = assert_call(
            t, &(struct http_request){.url = url, .tls = &right, .flags = HTTP_VERSION_2});
        assert_string_equal(buf_str(&older.body), "hello");
        AUTO_RESPONSE lax = assert_call(t, &(struct http_request){.url = wrong_name, .tls = &skip});
        AUTO_RESPONSE lax2 = assert_call(t, &(struct http_request){.url = url, .tls = &skip});
        /* None of these may use the connections that are open by now. */
        const struct http_request refused[] = {
            {.url = url},
            {.url = url, .tls = &wrong},
            {.url = url, .tls = &broken},
            {.url = wrong_name, .tls = &right},
        };
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
            auto_free char *m = assert_call_fails(t, &refused[i], NULL, ERR_TRANSIENT, "TLSFailed");
        }
    }
    scripted_server_stop(s);
}

static void test_client_certificate(void **state)
{
    (void)state;
    struct scripted_server *s = serve(ca.cert_pem);
    auto_free char *url = scripted_server_url(s, "/");
    struct http_tls with = {
        .ca_pem = ca.cert_pem, .cert_pem = client_id.cert_pem, .key_pem = &client_key};
    struct http_tls without = {.ca_pem = ca.cert_pem};
    EACH_TRANSPORT(t)
    {
        AUTO_RESPONSE r =
            assert_call(t, &(struct http_request){.url = url, .tls = &with, .flags = HTTP_SECRET});
        assert_string_equal(buf_str(&r.body), "hello");
        assert_true(r.body.secret);
        struct http_response none = {0};
        AUTO_ERR e = http_call(t, &(struct http_request){.url = url, .tls = &without}, NULL, &none);
        assert_true(err_is(e, ERR_TRANSIENT));
        AUTO_RESPONSE again = assert_call(t, &(struct http_request){.url = url, .tls = &with});
    }
    scripted_server_stop(s);
}

static void test_key_of_another_certificate(void **state)
{
    (void)state;
    struct scripted_server *s = serve(ca.cert_pem);
    auto_free char *url = scripted_server_url(s, "/");
    struct secret wrong_key = secret_copy(server_id.key_pem, strlen(server_id.key_pem));
    struct http_tls tls = {
        .ca_pem = ca.cert_pem, .cert_pem = client_id.cert_pem, .key_pem = &wrong_key};
    EACH_TRANSPORT(t)
    {
        auto_free char *m = assert_call_fails(t, &(struct http_request){.url = url, .tls = &tls},
                                              NULL, ERR_TRANSIENT, "TLSFailed");
        assert_null(strstr(m, "BEGIN"));
    }
    secret_release(&wrong_key);
    scripted_server_stop(s);
}

static void test_plain_http_on_a_tls_port(void **state)
{
    (void)state;
    struct scripted_server *plain =
        scripted_server_start(&(struct scripted_options){.script = hello});
    auto_free char *https = x_printf("https://127.0.0.1:%d/", scripted_server_port(plain));
    EACH_TRANSPORT(t)
    {
        auto_free char *m = assert_call_fails(t, &(struct http_request){.url = https}, NULL,
                                              ERR_TRANSIENT, "TLSFailed");
    }
    scripted_server_stop(plain);
}

/* As `openssl rehash` names it in a folder. */
static char *hashed_name(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    char *name = x_printf("%08lx.0", X509_subject_name_hash(cert));
    X509_free(cert);
    BIO_free(bio);
    return name;
}

/* The system trusts the server's CA; what a request names stands alone. */
static void expect_system_trust(const struct http_client_options *o, const char *url)
{
    struct net_fixture f;
    net_fixture_init(&f, o);
    struct http_tls own = {.ca_pem = ca.cert_pem};
    struct http_tls others = {.ca_pem = other_ca.cert_pem};
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        const struct http_transport *t = net_transport(&f, which);
        AUTO_RESPONSE r = assert_call(t, &(struct http_request){.url = url});
        assert_string_equal(buf_str(&r.body), "hello");
        AUTO_RESPONSE named = assert_call(t, &(struct http_request){.url = url, .tls = &own});
        auto_free char *m = assert_call_fails(t, &(struct http_request){.url = url, .tls = &others},
                                              NULL, ERR_TRANSIENT, "TLSFailed");
    }
    net_fixture_release(&f);
}

static void test_trust_of_the_operator(void **state)
{
    (void)state;
    struct scripted_server *s = serve(NULL);
    auto_free char *url = scripted_server_url(s, "/");
    struct temp temp;
    temp_init(&temp);
    auto_free char *name = hashed_name(ca.cert_pem);
    auto_free char *file = temp_puts(&temp, name, ca.cert_pem);
    struct http_client_options o = net_open_options();
    o.ca_file = file;
    expect_system_trust(&o, url);
    o.ca_file = "";
    o.ca_folders = temp.dir;
    expect_system_trust(&o, url);
    auto_free char *both = x_printf("/nowhere:%s", temp.dir);
    o.ca_folders = both;
    expect_system_trust(&o, url);
    temp_release(&temp);
    scripted_server_stop(s);
}

static void test_trust_that_is_none(void **state)
{
    (void)state;
    struct temp temp;
    temp_init(&temp);
    auto_free char *missing = temp_path(&temp, "missing.pem");
    auto_free char *der = temp_puts(&temp, "bundle.der", "0\x82");
    struct http_client *none = NULL;
    struct http_client_options o = net_open_options();
    o.ca_file = missing;
    expect_err(http_client_new(&o, &none), ERR_INVALID, "InvalidTrust", "missing.pem");
    o.ca_file = temp.dir;
    expect_err(http_client_new(&o, &none), ERR_INVALID, "InvalidTrust", "SSL_CERT_FILE");
    o.ca_file = der;
    expect_err(http_client_new(&o, &none), ERR_INVALID, "InvalidTrust", "has none");
    assert_null(none);
    struct http_plain *plain = http_plain_new(&o);
    auto_free char *m = assert_call_fails(http_plain_transport(plain),
                                          &(struct http_request){.url = "http://a.test"}, NULL,
                                          ERR_INVALID, "InvalidTrust");
    http_plain_free(plain);
    temp_release(&temp);
}

static int setup(void **state)
{
    net_group_setup(state);
    ca = tls_identity_new(NULL, "test CA", NULL);
    other_ca = tls_identity_new(NULL, "other CA", NULL);
    server_id = tls_identity_new(&ca, "server", "IP:127.0.0.1,DNS:localhost");
    client_id = tls_identity_new(&ca, "client", "DNS:client");
    client_key = secret_copy(client_id.key_pem, strlen(client_id.key_pem));
    struct http_client_options o = net_open_options();
    net_fixture_init(&fixture, &o);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_fixture_release(&fixture);
    tls_identity_release(&ca);
    tls_identity_release(&other_ca);
    tls_identity_release(&server_id);
    tls_identity_release(&client_id);
    secret_release(&client_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_trust_of_the_operator),
        cmocka_unit_test(test_trust_that_is_none),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_key_of_another_certificate),
        cmocka_unit_test(test_plain_http_on_a_tls_port),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
