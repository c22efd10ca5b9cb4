/* SPDX-License-Identifier: Apache-2.0 */
#include "informer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PATIENCE (20 * NS_PER_SEC)
#define SHORT_BACKOFF (20 * NS_PER_MS)

static void on_report(void *arg, const struct cache *cache, const char *event,
                      const struct err *err)
{
    struct informer_fixture *f = arg;
    (void)cache;
    pthread_mutex_lock(&f->lock);
    size_t len = strlen(f->events);
    snprintf(f->events + len, sizeof(f->events) - len, "%s%s%s%s", len > 0 ? " " : "", event,
             err != NULL ? ":" : "", err != NULL ? err->reason : "");
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void on_change(void *arg, const struct cache_change *change)
{
    struct informer_fixture *f = arg;
    (void)change;
    pthread_mutex_lock(&f->lock);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void informer_fixture_init(struct informer_fixture *f, const struct kube_kind *kind,
                           const char *token_file)
{
    *f = (struct informer_fixture){0};
    pthread_mutex_init(&f->lock, NULL);
    cond_init_mono(&f->changed);
    f->server = scripted_server_start(&(struct scripted_options){0});
    assert_null(http_client_new(&(struct http_client_options){.user_agent = "test"}, &f->http));
    auto_free char *url = scripted_server_url(f->server, "");
    struct kube_config config = {.server = url};
    config.token_file = (char *)(uintptr_t)token_file;
    assert_null(
        kube_client_new(&config, http_client_transport(f->http), clock_system(), NULL, &f->client));
    f->timing = (struct informers_timing){
        .watch_timeout_min = NS_PER_SEC,
        .watch_timeout_max = NS_PER_SEC,
        .idle_margin = 200 * NS_PER_MS,
        .list_idle = 5 * NS_PER_SEC,
        .short_watch = NS_PER_SEC,
        .slow_sync = 10 * NS_PER_SEC,
        .backoff = {.base = SHORT_BACKOFF, .cap = 5 * SHORT_BACKOFF},
        .backoff_reset = NS_PER_MIN,
    };
    f->informers = informers_new(&(struct informers_options){
        .client = f->client,
        .http = f->http,
        .clock = clock_system(),
        .rng = rng_system(),
        .timing = &f->timing,
        .report = on_report,
        .report_arg = f,
    });
    f->cache = cache_new(kind);
    cache_add_handler(f->cache, on_change, f);
}

void informer_fixture_start(struct informer_fixture *f)
{
    informers_add(f->informers, f->cache, NULL, NULL);
    assert_null(informers_start(f->informers));
}

void informer_fixture_release(struct informer_fixture *f)
{
    informers_free(f->informers);
    scripted_close(f->conn);
    cache_free(f->cache);
    kube_client_free(f->client);
    http_client_free(f->http);
    scripted_server_stop(f->server);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

static bool has_part(const char *target, const char *part)
{
    return part[0] == '!' ? strstr(target, part + 1) == NULL : strstr(target, part) != NULL;
}

char *next_request(struct informer_fixture *f, const char *wants)
{
    scripted_close(TAKE(f->conn));
    f->conn = scripted_accept(f->server);
    assert_non_null(f->conn);
    struct scripted_request r = {0};
    assert_true(scripted_read_request(f->conn, &r));
    auto_free char *parts = x_strdup(wants);
    char *next;
    for (char *part = parts; part != NULL; part = next) {
        next = strchr(part, ' ');
        if (next != NULL)
            *next++ = '\0';
        if (!has_part(r.target, part))
            fail_msg("%s: expected %s", r.target, part);
    }
    char *head = x_strdup(r.head);
    scripted_request_release(&r);
    return head;
}

void expect_request(struct informer_fixture *f, const char *wants)
{
    free(next_request(f, wants));
}

void send_head(struct informer_fixture *f)
{
    assert_true(scripted_stream_head(f->conn, 200, "Connection: close\r\n"));
}

void send_line(struct informer_fixture *f, const char *line)
{
    auto_free char *text = x_printf("%s\n", line);
    assert_true(scripted_stream_chunk(f->conn, text, strlen(text)));
}

void end_stream(struct informer_fixture *f)
{
    assert_true(scripted_stream_end(f->conn));
}

void send_answer(struct informer_fixture *f, int status, const char *headers, const char *body)
{
    auto_free char *all = x_printf("Connection: close\r\n%s", headers);
    assert_true(scripted_respond(f->conn, status, all, body));
}

static bool has_color(struct informer_fixture *f, const char *ns, const char *name,
                      const char *color)
{
    AUTO_OBJECT(struct widget) w = cache_peek(f->cache, ns, name);
    return w == NULL ? color == NULL : str_eq(w->color, color);
}

void wait_color(struct informer_fixture *f, const char *ns, const char *name, const char *color)
{
    int64_t deadline = clock_mono(clock_system()) + PATIENCE;
    bool in_time = true;
    pthread_mutex_lock(&f->lock);
    while (!has_color(f, ns, name, color) && in_time)
        in_time = cond_wait_until(&f->changed, &f->lock, deadline);
    pthread_mutex_unlock(&f->lock);
    assert_true(in_time);
}

void wait_events(struct informer_fixture *f, const char *want)
{
    int64_t deadline = clock_mono(clock_system()) + PATIENCE;
    bool in_time = true;
    pthread_mutex_lock(&f->lock);
    while (strlen(f->events) < strlen(want) && in_time)
        in_time = cond_wait_until(&f->changed, &f->lock, deadline);
    /* What comes next may be there already: a slow machine has gone on before it looks. */
    size_t len = strlen(want);
    bool more = strlen(f->events) > len && f->events[len] == ' ';
    auto_free char *got = more ? x_strndup(f->events, len) : x_strdup(f->events);
    const char *rest = more ? f->events + len + 1 : "";
    memmove(f->events, rest, strlen(rest) + 1);
    pthread_mutex_unlock(&f->lock);
    assert_string_equal(got, want);
}

void sync_at(struct informer_fixture *f, const char *rv)
{
    auto_free char *mark = x_printf("{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
                                    "\"resourceVersion\":\"%s\",\"annotations\":{"
                                    "\"k8s.io/initial-events-end\":\"true\"}}}}",
                                    rv);
    expect_request(f, "watch=true sendInitialEvents=true");
    send_head(f);
    send_line(f, mark);
    wait_events(f, "list synced");
}
