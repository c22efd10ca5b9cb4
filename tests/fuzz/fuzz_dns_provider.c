/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answers of a DNS provider's API: "<provider> <present|clean|settled>\n", then "<status> <body>\n~\n" for each
 * call; the last one is repeated. What is made of them is a clean error or success, with a bounded number of calls.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "s3cr3t-of-the-test"
#define TOKEN_CONFIG "{\"tokenSecretRef\":{\"name\":\"s\",\"key\":\"k\"}}"
#define CALLS_MAX 80 /* zones, 50 pages, 16 records */
#define SEPARATOR "\n~\n"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static const struct {
    const char *provider, *config;
    const char *token; /* the key of one that is remembered: no answer is asked for it */
} configs[] = {
    {"akamai",
     "{\"serviceConsumerDomain\":\"a.akamaiapis.net\",\"clientTokenSecretRef\":{\"name\":\"s\","
     "\"key\":\"k\"},\"clientSecretSecretRef\":{\"name\":\"s\",\"key\":\"k\"},"
     "\"accessTokenSecretRef\":{\"name\":\"s\",\"key\":\"k\"}}",
     NULL},
    {"azureDNS", "{\"subscriptionID\":\"s\",\"resourceGroupName\":\"g\"}", "azure-token"},
    {"cloudDNS", "{\"project\":\"p\"}", "google-token"},
    {"cloudflare", "{\"apiTokenSecretRef\":{\"name\":\"s\",\"key\":\"k\"}}", NULL},
    {"desec", TOKEN_CONFIG, NULL},
    {"digitalocean", TOKEN_CONFIG, NULL},
    {"gandi", TOKEN_CONFIG, NULL},
    {"hetzner", TOKEN_CONFIG, NULL},
    {"linode", TOKEN_CONFIG, NULL},
    {"ovh",
     "{\"applicationKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"},\"applicationSecretSecretRef\":"
     "{\"name\":\"s\",\"key\":\"k\"},\"consumerKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}",
     NULL},
    {"powerdns",
     "{\"url\":\"https://pdns.test\",\"apiKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}", NULL},
    {"route53",
     "{\"accessKeyID\":\"AKIA\",\"secretAccessKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}",
     NULL},
};

struct server {
    const char *at; /* the answer that is next */
    unsigned calls;
};

static const char *next_answer(const char *answer)
{
    const char *end = strstr(answer, SEPARATOR);
    return end != NULL ? end + strlen(SEPARATOR) : NULL;
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct server *s = ctx;
    (void)stop;
    MUST(++s->calls <= CALLS_MAX);
    MUST(str_starts(req->url, "https://") && strlen(req->url) < HTTP_URL_MAX);
    for (const char *c = req->url; *c != '\0'; c++)
        MUST(*c > ' ' && *c <= '~');
    const char *next = next_answer(s->at);
    size_t len = next != NULL ? (size_t)(next - s->at) - strlen(SEPARATOR) : strlen(s->at);
    int status = 0;
    size_t digits = 0;
    for (; digits < 3 && digits < len && s->at[digits] >= '0' && s->at[digits] <= '9'; digits++)
        status = status * 10 + (s->at[digits] - '0');
    const char *body = s->at + digits;
    *ret_response = (struct http_response){.status = status, .body = BUF_INIT((size_t)1 << 20)};
    ret_response->headers = x_strdup("retry-after: 5\n");
    if (next != NULL)
        s->at = next;
    return buf_add(&ret_response->body, body, len - digits);
}

static struct err *secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                          const char *field, struct secret *ret_secret)
{
    (void)env;
    (void)ref;
    (void)field;
    *ret_secret = secret_copy(SECRET, strlen(SECRET));
    return NULL;
}

static const char *variable(const struct dns_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL;
}

static void check_error(const struct err *e)
{
    MUST(e->kind != ERR_BUG && e->kind != ERR_CANCELLED && *e->reason >= 'A' && *e->reason <= 'Z');
    MUST(strlen(e->message) < 2048 && strstr(e->message, SECRET) == NULL);
    for (const char *c = e->message; *c != '\0'; c++)
        MUST(*c >= ' ' && *c <= '~');
    MUST((e->http_status != 429 && e->http_status < 500) || e->kind == ERR_TRANSIENT ||
         e->kind == ERR_RATE_LIMITED);
}

static struct err *run(const struct dns_provider *p, const struct dns_env *env, const void *config,
                       const char *what)
{
    struct dns_value v = {
        .name = "_acme-challenge.www.example.com",
        .zone = "www.example.com",
        .text = "mOaBrk0fAWzMqZcXUcT1zGnQmXv0Tn2dJmJ8vJf5rCw",
        .domain = "www.example.com",
        .id = "1234",
    };
    auto_free char *id = NULL;
    bool settled = false;
    if (str_eq(what, "present"))
        return p->present(env, config, &v, &id);
    if (str_eq(what, "clean"))
        return p->clean_up(env, config, &v);
    return p->settled != NULL ? p->settled(env, config, &v, &settled) : NULL;
}

static void run_provider(const struct dns_provider *p, const char *config_text, const char *token,
                         const char *what, const char *answers)
{
    json_auto_t *json = NULL;
    void *config = NULL;
    AUTO_ERR bad = json_parse(config_text, strlen(config_text), &json);
    AUTO_ERR worse = bind_decode(p->config, json, &config);
    MUST(bad == NULL && worse == NULL);
    struct server s = {.at = answers};
    const struct http_transport http = {.call = call, .ctx = &s};
    struct clock_manual clock;
    clock_manual_init(&clock, NS_PER_DAY);
    const struct dns_env env = {
        .clock = &clock.clock,
        .http = &http,
        .memory = dns_memory_new(),
        .scope = "fuzz",
        .rng = rng_system(),
        .secret = secret,
        .variable = variable,
    };
    if (token != NULL) {
        AUTO(secret_release) struct secret text = secret_copy("t", 1);
        dns_memory_set(&env, token, &text, INT64_MAX);
    }
    for (int i = 0; i < 2; i++) { /* the second time with what was remembered */
        s.calls = 0;
        AUTO_ERR e = run(p, &env, config, what);
        if (e != NULL)
            check_error(e);
    }
    dns_memory_free(env.memory);
    free(config);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = x_strndup((const char *)data, size);
    char *line_end = strchr(text, '\n');
    if (line_end == NULL)
        return 0;
    *line_end = '\0';
    char *what = strchr(text, ' ');
    if (what == NULL)
        return 0;
    *what++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        if (str_eq(configs[i].provider, text))
            run_provider(dns_provider_of(text), configs[i].config, configs[i].token, what,
                         line_end + 1);
    return 0;
}
