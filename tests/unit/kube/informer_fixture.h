/* SPDX-License-Identifier: Apache-2.0 */
/* Informers against a server whose every byte the test writes; times are short. */
#ifndef CERTROLL_TESTS_KUBE_INFORMER_FIXTURE_H
#define CERTROLL_TESTS_KUBE_INFORMER_FIXTURE_H

#include <pthread.h>

#include "kube/informer.h"
#include "support/scripted_server.h"
#include "widget.h"

struct informer_fixture {
    struct scripted_server *server;
    struct http_client *http;
    struct kube_client *client;
    struct informers *informers;
    struct cache *cache;
    struct informers_timing timing;
    struct scripted_conn *conn; /* the last accepted */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char events[4096]; /* what was reported: "list synced failed:Reason ..." */
};

/* The cache is of widget_kind, or of its metadata only. token_file may be NULL. */
void informer_fixture_init(struct informer_fixture *f, const struct kube_kind *kind,
                           const char *token_file);
/* Adds a stream over all namespaces and starts. */
void informer_fixture_start(struct informer_fixture *f);
void informer_fixture_release(struct informer_fixture *f);

/* Closes the last connection, accepts the next and reads its request: its target must contain each
 * part of wants (separated by spaces), and none of those that start with '!'. Returns the request's
 * head, owned. */
char *next_request(struct informer_fixture *f, const char *wants);
void expect_request(struct informer_fixture *f, const char *wants);
/* The head of a stream, and one line of it. */
void send_head(struct informer_fixture *f);
void send_line(struct informer_fixture *f, const char *line);
/* Ends the stream as a server does whose timeout has come. */
void end_stream(struct informer_fixture *f);
/* A whole answer, after which the connection closes. headers: "Name: value\r\n" or "". */
void send_answer(struct informer_fixture *f, int status, const char *headers, const char *body);

/* Wait, and fail after 20 s. color NULL: the widget is gone. */
void wait_color(struct informer_fixture *f, const char *ns, const char *name, const char *color);
void wait_events(struct informer_fixture *f, const char *want);
/* Watches are in: answers the WatchList with the end bookmark at rv. */
void sync_at(struct informer_fixture *f, const char *rv);

#define OBJECT(ns, name, rv, color)                                                                \
    "{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"resourceVersion\":\"" rv      \
    "\"},\"color\":\"" color "\"}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"
#define BOOKMARK(rv) EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" rv "\"}}")
#define END_BOOKMARK(rv)                                                                           \
    EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" rv                                   \
                      "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}")
#define STATUS(code, reason)                                                                       \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"reason\":\"" reason       \
    "\",\"message\":\"words\",\"code\":" code "}"
#define LIST(rv, next, items)                                                                      \
    "{\"apiVersion\":\"example.com/v1\",\"items\":[" items "],\"kind\":\"WidgetList\","            \
    "\"metadata\":{\"continue\":\"" next "\",\"resourceVersion\":\"" rv "\"}}"

#endif
