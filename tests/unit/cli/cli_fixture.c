/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "pki/cert.h"

#define SERVER "https://api"
#define NOW "2026-11-21T12:00:00Z"
#define BODY_MAX (1 << 20)

static void answer(struct http_response *ret, int status, const char *body)
{
    ret->status = status;
    ret->body = BUF_INIT(BODY_MAX);
    buf_puts(&ret->body, body);
}

static const char *last_part(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* Collections are there and empty; objects are not there. */
static void answer_get(struct fixture *f, const char *path, struct http_response *ret)
{
    static const char *const collections[] = {"certificates", "certificaterequests", "orders",
                                              "challenges", "events"};
    f->secret_reads += strstr(path, "/secrets/") != NULL;
    for (size_t i = 0; i < f->count; i++)
        if (str_eq(f->paths[i].path, path)) {
            answer(ret, f->paths[i].status, f->paths[i].body);
            return;
        }
    for (size_t i = 0; i < ARRAY_LEN(collections); i++)
        if (str_eq(last_part(path), collections[i])) {
            answer(ret, 200, "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}");
            return;
        }
    answer(ret, 404, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"no\"}");
}

static void answer_patch(struct fixture *f, const char *path, const struct http_request *req,
                         struct http_response *ret)
{
    f->patches++;
    free(f->patched);
    f->patched = x_strdup(path);
    json_decref(f->patch);
    f->patch = NULL;
    assert_null(json_parse(req->body, req->body_len, &f->patch));
    bool conflict = f->conflicts > 0;
    f->conflicts -= conflict;
    answer(ret, conflict ? 409 : 200, conflict ? "{\"reason\":\"Conflict\"}" : "{}");
}

static void answer_post(struct fixture *f, const char *path, const struct http_request *req,
                        struct http_response *ret)
{
    f->posts++;
    json_decref(f->post);
    f->post = NULL;
    assert_null(json_parse(req->body, req->body_len, &f->post));
    if (f->post_status != 0) {
        answer(ret, f->post_status, "{\"message\":\"no\"}");
        return;
    }
    free(f->made);
    f->made = x_printf("%s/%s", path, JSTR(f->post, "metadata", "name"));
    json_put_str(JGET(f->post, "metadata"), "uid", "made");
    auto_free char *body = NULL;
    assert_null(json_to_string(f->post, BODY_MAX, &body));
    fixture_put(f, f->made, 200, body);
    answer(ret, 201, body);
    if (f->happen != NULL)
        f->happen(f);
}

static void answer_delete(struct fixture *f, const char *path, const struct http_request *req,
                          struct http_response *ret)
{
    f->deletes++;
    free(f->deleted);
    f->deleted = x_strdup(path);
    json_decref(f->precondition);
    f->precondition = NULL;
    assert_null(json_parse(req->body, req->body_len, &f->precondition));
    fixture_put(f, path, 404, "{\"reason\":\"NotFound\"}");
    answer(ret, 200, "{}");
}

static struct err *pause(struct cli *cli, int64_t ns)
{
    struct fixture *f = (struct fixture *)(uintptr_t)cli;
    clock_manual_advance(&f->clock, ns);
    if (++f->pauses == f->interrupted_at)
        return err_new(ERR_CANCELLED, "Interrupted", "Interrupt");
    if (f->happen != NULL)
        f->happen(f);
    return NULL;
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret)
{
    (void)stop;
    struct fixture *f = ctx;
    assert_true(str_starts(req->url, SERVER));
    const char *target = req->url + strlen(SERVER);
    auto_free char *path = x_strndup(target, strcspn(target, "?"));
    if (str_eq(req->method, "PATCH")) {
        answer_patch(f, path, req, ret);
        return NULL;
    }
    if (str_eq(req->method, "POST")) {
        answer_post(f, path, req, ret);
        return NULL;
    }
    if (str_eq(req->method, "DELETE")) {
        answer_delete(f, path, req, ret);
        return NULL;
    }
    assert_string_equal(req->method, "GET");
    free(f->query);
    f->query = x_strdup(target + strlen(path));
    answer_get(f, path, ret);
    return NULL;
}

void fixture_init(struct fixture *f)
{
    *f = (struct fixture){
        .cli = {.name = "certroll",
                .pause = pause,
                .flags.timeout = 5 * NS_PER_MIN,
                .ns = "ns",
                .out = BUF_INIT(BODY_MAX),
                .complaints = BUF_INIT(BODY_MAX)},
        .transport = {.call = call, .ctx = f},
    };
    int64_t now = 0;
    assert_null(rfc3339_parse(NOW, &now));
    clock_manual_init(&f->clock, now);
    f->cli.clock = &f->clock.clock;
    char server[] = SERVER;
    char token[] = "t";
    const struct kube_config config = {.server = server, .token = {token, 1}};
    assert_null(kube_client_new(&config, &f->transport, f->cli.clock, NULL, &f->cli.kube));
}

void fixture_release(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->paths[i].path);
        free(f->paths[i].body);
    }
    free(f->patched);
    free(f->made);
    free(f->deleted);
    free(f->query);
    json_decref(f->patch);
    json_decref(f->post);
    json_decref(f->precondition);
    kube_client_free(f->cli.kube);
    buf_release(&f->cli.out);
    buf_release(&f->cli.complaints);
}

void fixture_put(struct fixture *f, const char *path, int status, const char *body)
{
    size_t i = 0;
    while (i < f->count && !str_eq(f->paths[i].path, path))
        i++;
    assert_true(i < FIXTURE_PATHS_MAX);
    if (i == f->count)
        f->count++;
    free(f->paths[i].path);
    free(f->paths[i].body);
    f->paths[i].path = x_strdup(path);
    f->paths[i].status = status;
    f->paths[i].body = x_strdup(body);
}

void fixture_list(struct fixture *f, const char *path, const char *items)
{
    auto_free char *body =
        x_printf("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[%s]}", items);
    fixture_put(f, path, 200, body);
}

static char *make_certificate(void)
{
    AUTO_KEY key = NULL;
    assert_null(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    AUTO(pki_names_release) struct pki_names names = {0};
    strlist_add(&names.dns, "web.example.com");
    auto_free char *csr_pem = NULL;
    assert_null(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &csr_pem));
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    assert_null(pki_csr_parse(csr_pem, strlen(csr_pem), &csr));
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_null(pki_usages_build(&(struct bind_strings){0}, false, &usages));
    int64_t now = 0;
    assert_null(rfc3339_parse(NOW, &now));
    const struct pki_self_sign_spec spec = {.csr = &csr,
                                            .key = key,
                                            .usages = &usages,
                                            .not_before = now - NS_PER_DAY,
                                            .not_after = now + 30 * NS_PER_DAY};
    char *pem = NULL;
    assert_null(pki_cert_self_sign(&spec, &pem));
    return pem;
}

void fixture_tls_secret(struct fixture *f)
{
    auto_free char *pem = make_certificate();
    auto_free char *data = base64_encode(pem, strlen(pem));
    auto_free char *body = x_printf("{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"ns\"},"
                                    "\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"%s\","
                                    "\"tls.key\":\"VE9QU0VDUkVU\"}}",
                                    data);
    fixture_put(f, "/api/v1/namespaces/ns/secrets/web-tls", 200, body);
}

struct err *fixture_check(struct fixture *f, const struct verb *v, const char *const *args)
{
    return v->check(&f->cli, args);
}

struct err *fixture_run(struct fixture *f, const struct verb *v, const char *const *args)
{
    buf_clear(&f->cli.out);
    buf_clear(&f->cli.complaints);
    f->cli.code = 0;
    TRY(fixture_check(f, v, args), "check");
    return v->run(&f->cli, args);
}

void fixture_has(struct fixture *f, const char *text)
{
    if (strstr(buf_str(&f->cli.out), text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, buf_str(&f->cli.out));
}

void fixture_lacks(struct fixture *f, const char *text)
{
    if (strstr(buf_str(&f->cli.out), text) != NULL)
        fail_msg("\"%s\" is in:\n%s", text, buf_str(&f->cli.out));
}
