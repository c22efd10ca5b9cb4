/* SPDX-License-Identifier: Apache-2.0 */
/* A struct cli over an API server in memory: paths with the bodies that GET answers. */
#ifndef CERTROLL_TESTS_CLI_FIXTURE_H
#define CERTROLL_TESTS_CLI_FIXTURE_H

#include "cli/verb.h"

#define FIXTURE_PATHS_MAX 32
#define CRDS "/apis/certroll.dev/v1"
#define ACME "/apis/acme.certroll.dev/v1"

struct fixture {
    struct cli cli;
    struct http_transport transport;
    struct clock_manual clock; /* 2026-11-21T12:00:00Z */
    struct {
        char *path;
        int status;
        char *body;
    } paths[FIXTURE_PATHS_MAX];
    size_t count;
    unsigned conflicts; /* so many PATCHes are answered with 409 */
    size_t patches;
    char *patched; /* path of the last PATCH */
    json_t *patch; /* its body */
    size_t posts;
    int post_status; /* 0 = 201, and what was posted exists with the uid "made" until it is deleted */
    json_t *post;    /* body of the last POST */
    char *made;      /* path of what it made */
    size_t deletes;
    char *deleted; /* path of the last DELETE */
    json_t *precondition;
    /* Called after each POST, and while the verb pauses: the world goes on. */
    void (*happen)(struct fixture *f);
    size_t pauses;
    size_t interrupted_at; /* the pause that a signal ends, 0 = none */
    size_t secret_reads;
    char *query; /* of the last GET, "" without */
};

/* The namespace is "ns". */
void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f);
/* GET path is answered with that; a later one of the same path replaces it. */
void fixture_put(struct fixture *f, const char *path, int status, const char *body);
/* {"items":[ITEMS]}; all lists are empty until told otherwise. */
void fixture_list(struct fixture *f, const char *path, const char *items);
/* A Secret web-tls with a certificate for web.example.com, and rubbish for a key. */
void fixture_tls_secret(struct fixture *f);

/* Checks and runs a verb with arguments (NULL-ended); the error is the caller's. */
struct err *fixture_check(struct fixture *f, const struct verb *v, const char *const *args);
struct err *fixture_run(struct fixture *f, const struct verb *v, const char *const *args);
#define ARGS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Fails the test with the whole output when it does not have the text, or has it. */
void fixture_has(struct fixture *f, const char *text);
void fixture_lacks(struct fixture *f, const char *text);

#endif
