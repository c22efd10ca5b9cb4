/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's thread, in real time. What is written when is tested in test_event_queue.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_api.h"
#include "kube/events.h"

static const struct kube_resource res_certificate = {"certroll.dev", "v1", "certificates",
                                                     "Certificate", true};

struct scene {
    struct fake_api api;
    struct kube_client *client;
    struct event_recorder *recorder;
    pthread_mutex_t gate; /* held: the server does not answer */
};

static struct err *answer(void *arg, const struct fake_request *req, struct http_response *ret)
{
    struct scene *s = arg;
    (void)req;
    pthread_mutex_lock(&s->gate);
    pthread_mutex_unlock(&s->gate);
    fake_answer(ret, 201, "{}");
    return NULL;
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    pthread_mutex_init(&s->gate, NULL);
    fake_api_init(&s->api);
    s->api.handler = answer;
    s->api.arg = s;
    s->client = fake_api_client(&s->api, NULL);
    s->recorder = event_recorder_new(s->client, clock_system(), "certroll.dev/certroll", "pod-1");
}

static void close_scene(struct scene *s)
{
    event_recorder_free(s->recorder);
    kube_client_free(s->client);
    fake_api_release(&s->api);
    pthread_mutex_destroy(&s->gate);
}

static void emit(struct scene *s, const char *name)
{
    const struct object_meta meta = {.name = name, .namespace = "shop", .uid = name};
    event_emit(event_recorder_sink(s->recorder), &(struct event){.res = &res_certificate,
                                                                 .regarding = &meta,
                                                                 .reason = "Issued",
                                                                 .action = "Issuing",
                                                                 .note = "note"});
}

static int64_t soon(int64_t ns)
{
    return clock_mono(clock_system()) + ns;
}

static void test_writes_at_once(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (size_t i = 1; i <= 500; i++) { /* in most rounds the thread has gone to sleep */
        auto_free char *name = x_printf("n%zu", i);
        emit(&s, name);
        assert_true(fake_api_wait(&s.api, i));
    }
    assert_int_equal(event_recorder_dropped(s.recorder), 0);
    close_scene(&s);
}

static void test_stop_writes_what_waits(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    pthread_mutex_lock(&s.gate);
    for (int i = 0; i < 100; i++) {
        auto_free char *name = x_printf("n%d", i);
        emit(&s, name);
    }
    pthread_mutex_unlock(&s.gate);
    emit(&s, "n0"); /* not due for 10 s, unless it is still waiting */
    event_recorder_stop(s.recorder, soon(20 * NS_PER_SEC));
    assert_in_range(s.api.count, 100, 101);
    event_recorder_stop(s.recorder, soon(20 * NS_PER_SEC)); /* harmless */
    close_scene(&s);
}

static void test_stop_keeps_its_deadline(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    pthread_mutex_lock(&s.gate);
    emit(&s, "a");
    emit(&s, "b");
    assert_true(fake_api_wait(&s.api, 1)); /* hangs now */
    int64_t deadline = soon(50 * NS_PER_MS);
    event_recorder_stop(s.recorder, deadline);
    assert_in_range(clock_mono(clock_system()) - deadline, 0, 10 * NS_PER_SEC);
    pthread_mutex_unlock(&s.gate);
    close_scene(&s);
}

static void *emit_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        emit(arg, i % 2 == 0 ? "even" : "odd");
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit_many, &s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    event_recorder_stop(s.recorder, soon(20 * NS_PER_SEC));
    assert_in_range(s.api.count, 2, 4);
    int64_t total = 0;
    for (size_t i = s.api.count - 2; i < s.api.count; i++) {
        json_auto_t *body = fake_api_sent(&s.api, i);
        total += JINT(body, 0, "series", "count");
    }
    assert_int_equal(total, 800);
    close_scene(&s);
}

static void test_free_accepts_null(void **state)
{
    (void)state;
    event_recorder_free(NULL);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_at_once),
        cmocka_unit_test(test_stop_writes_what_waits),
        cmocka_unit_test(test_stop_keeps_its_deadline),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_free_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
