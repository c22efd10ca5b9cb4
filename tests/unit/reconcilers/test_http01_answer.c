/* SPDX-License-Identifier: Apache-2.0 */
/* What certroll's own replicas answer, and to whom they say nothing. */
#include "reconcilers/http01_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "base/str.h"

#define TOKEN "0123456789abcdefABCDEF-_"
#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define PATH "/.well-known/acme-challenge/"
#define OWNER(kind, name, uid)                                                                     \
    ",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"" kind "\",\"name\":\"" name          \
    "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define META(name, uid, more)                                                                      \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid                    \
    "\",\"resourceVersion\":\"2\"" more "}"
#define NAME "o-d3be6ed26e" /* by the hash of https://ca/a */
#define REF "\"issuerRef\":{\"name\":\"ca\"}"

#define REQUEST "{" META("web-1", "r", "") ",\"spec\":{\"request\":\"" ACME_CSR "\"," REF "}}"
#define ORDER(state) JUDGED_ORDER(state, "")
#define JUDGED_ORDER(state, judged_by)                                                             \
    "{" META("o", "o",                                                                             \
             OWNER("CertificateRequest", "web-1",                                                  \
                   "r")) ",\"spec\":{\"request\":\"" ACME_CSR "\"," REF                            \
                         "},\"status\":{\"url\":\"https://ca/o\",\"state\":"                       \
                         "\"" state "\"," judged_by "\"authorizations\":[{\"url\":\"https://ca/"   \
                         "other\"},{\"url\":\"https://ca/a\"}]}}"
#define ISSUER(http01, thumbprint)                                                                 \
    "{" META("ca", "i", "") ",\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef" \
                            "\":{\"name\":\"k\"},\"solvers\":[{\"http01\":{" http01                \
                            "}}]}},\"status\":{\"acme\":{"                                         \
                            "\"thumbprint\":\"" thumbprint "\"}}}"
#define CHALLENGE(token, owner, authz, host, state)                                                \
    CHALLENGE_OF(NAME, "HTTP-01", token, owner, authz, host, state)
#define CHALLENGE_OF(object, type, token, owner, authz, host, state)                               \
    "{" META(object, "c",                                                                          \
             owner) ",\"spec\":{\"url\":\"https://ca/c\",\"authorizationURL\":\"" authz            \
                    "\",\"dnsName\":\"" host "\",\"type\":\"" type "\",\"token\":\"" token         \
                    "\",\"key\":\"written by hand\",\"solver\":{}," REF                            \
                    "},\"status\":{\"state\":\"" state "\"}}"
#define GOOD_OWNER OWNER("Order", "o", "o")
#define GOOD_CHALLENGE CHALLENGE(TOKEN, GOOD_OWNER, "https://ca/a", "a.test", "pending")

struct row {
    const char *what; /* differs */
    const char *request;
    const char *order;
    const char *issuer;
    const char *challenge;
    const char *host;
    const char *path;
};
#define GOOD                                                                                       \
    {                                                                                              \
        .request = REQUEST, .order = ORDER("pending"),                                             \
        .issuer = ISSUER("\"shared\":{}", THUMBPRINT), .challenge = GOOD_CHALLENGE,                \
        .host = "a.test", .path = PATH TOKEN                                                       \
    }

static char *answer(const struct row *row)
{
    SCENE s = {0};
    scene_open(&s);
    if (row->request != NULL)
        scene_put(&s.env->requests, row->request);
    if (row->order != NULL)
        scene_put(&s.env->orders, row->order);
    if (row->issuer != NULL)
        scene_put(&s.env->issuers, row->issuer);
    if (row->challenge != NULL)
        scene_put(&s.env->challenges, row->challenge);
    const struct httpd_request req = {.path = row->path, .host = row->host};
    struct httpd_reply reply = {.status = 404, .body = BUF_INIT(4096)};
    http01_answer((void *)(uintptr_t)s.env, &req, &reply);
    char *text = x_printf("%d %s", reply.status, buf_str(&reply.body));
    buf_release(&reply.body);
    return text;
}

static void the_pair_of_host_and_token_is_answered(void **state)
{
    (void)state;
    const struct row good = GOOD;
    auto_free char *text = answer(&good);
    assert_string_equal(text, "200 " TOKEN "." THUMBPRINT);
    struct row v6 = GOOD;
    v6.challenge = CHALLENGE(TOKEN, GOOD_OWNER, "https://ca/a", "2001:db8::1", "");
    v6.host = "[2001:db8::1]";
    auto_free char *by_address = answer(&v6);
    assert_string_equal(by_address, "200 " TOKEN "." THUMBPRINT);
    struct row judged = GOOD;
    judged.order = JUDGED_ORDER("pending", "\"judgedBy\":{\"uid\":\"i\"},");
    auto_free char *by_judged = answer(&judged);
    assert_string_equal(by_judged, text);
}

#define BAD(what_, member, value)                                                                  \
    {                                                                                              \
        struct row row = GOOD;                                                                     \
        row.what = what_;                                                                          \
        row.member = value;                                                                        \
        auto_free char *text = answer(&row);                                                       \
        if (!str_eq(text, "404 "))                                                                 \
            fail_msg("%s: %s", row.what, text);                                                    \
    }

/* Whoever may create Challenges can take all but these from the Order. */
static void what_is_not_ordered_is_not_answered(void **state)
{
    (void)state;
    static const char *const names[] = {"b.test", "x.a.test", "2001:db8::2", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_free char *challenge =
            x_printf(CHALLENGE(TOKEN, GOOD_OWNER, "https://ca/a", "%s", "pending"), names[i]);
        struct row row = GOOD;
        row.challenge = challenge;
        row.host = names[i];
        auto_free char *text = answer(&row);
        assert_string_equal(text, "404 ");
    }
}

static void nothing_else_is(void **state)
{
    (void)state;
    BAD("another host", host, "b.test")
    BAD("no host", host, "")
    BAD("the name in brackets", host, "[a.test")
    BAD("the name with a dot at its end", host, "a.test.")
    BAD("a name below it", host, "x.a.test")
    BAD("another token", path, PATH "fedcba9876543210")
    BAD("more than a token", path, PATH TOKEN "/x")
    BAD("no token", path, PATH)
    BAD("another path", path, "/" TOKEN)
    BAD("no Challenge", challenge, NULL)
    BAD("what DNS is to prove", challenge,
        CHALLENGE_OF(NAME, "DNS-01", TOKEN, GOOD_OWNER, "https://ca/a", "a.test", "pending"))
    BAD("a settled Challenge", challenge,
        CHALLENGE(TOKEN, GOOD_OWNER, "https://ca/a", "a.test", "valid"))
    BAD("a Challenge by hand", challenge, CHALLENGE(TOKEN, "", "https://ca/a", "a.test", "pending"))
    BAD("a Challenge of an Order before this", challenge,
        CHALLENGE(TOKEN, OWNER("Order", "o", "before"), "https://ca/a", "a.test", "pending"))
    BAD("a Challenge of another kind", challenge,
        CHALLENGE(TOKEN, OWNER("Certificate", "o", "o"), "https://ca/a", "a.test", "pending"))
    BAD("an authorization that the Order does not have", challenge,
        CHALLENGE(TOKEN, GOOD_OWNER, "https://ca/b", "a.test", "pending"))
    BAD("a Challenge whose name certroll does not give", challenge,
        CHALLENGE_OF("o-0123456789", "HTTP-01", TOKEN, GOOD_OWNER, "https://ca/a", "a.test",
                     "pending"))
    BAD("no Order", order, NULL)
    BAD("a settled Order", order, ORDER("invalid"))
    BAD("an Order that another issuer judged", order,
        JUDGED_ORDER("pending", "\"judgedBy\":{\"uid\":\"i0\"},"))
    BAD("an Order that the issuer judged before it was changed", order,
        JUDGED_ORDER("pending", "\"judgedBy\":{\"uid\":\"i\",\"generation\":1},"))
    BAD("no request", request, NULL)
    BAD("a request that asks for something else", request,
        "{" META("web-1", "r", "") ",\"spec\":{\"request\":\"b3RoZXI=\"," REF "}}")
    BAD("a request made anew", request,
        "{" META("web-1", "r2", "") ",\"spec\":{\"request\":\"" ACME_CSR "\"," REF "}}")
    BAD("no issuer", issuer, NULL)
    BAD("an issuer whose pods answer", issuer, ISSUER("\"ingress\":{}", THUMBPRINT))
    BAD("no thumbprint", issuer, ISSUER("\"shared\":{}", ""))
    BAD("a thumbprint that is none", issuer, ISSUER("\"shared\":{}", "<html>"))
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pair_of_host_and_token_is_answered),
        cmocka_unit_test(what_is_not_ordered_is_not_answered),
        cmocka_unit_test(nothing_else_is),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
