/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fakes of clouds have in common: zones and TXT records in memory, failures on demand, calls counted, and each
 * request judged by what dns_http() promises. A fake adds its API's dialect: an answer() and the shape of its errors.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_CLOUD_H
#define CERTROLL_TEST_DNS01_FAKE_CLOUD_H

#include "contract.h"

#define FAKE_ZONES_MAX 32
#define FAKE_RECORDS_MAX 64
#define FAKE_PARTS_MAX 8

struct fake_zone {
    char *name; /* NULL = free */
    char *id;   /* a decimal number unless add_zone() said another */
};
struct fake_record {
    const struct fake_zone *zone; /* NULL = free */
    char *name;                   /* absolute */
    char *text;
    char *id; /* a decimal number */
    int64_t ttl;
    int64_t settles; /* calls until it is on the servers, for fakes that count them */
};

struct fake_call {
    const struct http_request *req;
    const char *method;
    char *path;                  /* below the base, undecoded, without the query */
    char *query;                 /* "" = none */
    char *parts[FAKE_PARTS_MAX]; /* what "*" of fake_path() stood for, decoded */
    json_t *body;                /* NULL: none, or it is not JSON */
};

struct fake_cloud;
struct fake_dialect {
    const char *base; /* "https://api.example/v1": other URLs fail the test */
    const struct fake_secret *secrets;
    /* Answers with fake_say(). */
    void (*answer)(struct fake_cloud *c, struct fake_call *call);
    /* The body of a refusal, in the API's shape; owned. */
    json_t *(*refusal)(int status);
    unsigned page_max; /* items of a page, whatever was asked for: small */
    bool unsettled;    /* settle() is to be set */
};

struct fake_cloud {
    const struct fake_dialect *dialect;
    struct fake_zone zones[FAKE_ZONES_MAX];
    struct fake_record records[FAKE_RECORDS_MAX]; /* in the order they were made */
    size_t zone_count, record_count;
    unsigned calls, last_id, pages; /* pages: that were asked for beyond a first one */
    bool revoked;
    struct {
        bool armed;
        unsigned after;
        int status;
        char *retry_after;
    } failure;
    char *canned;                /* of say_next() */
    char violation[256];         /* the first, "" = none */
    struct http_response *reply; /* of the call that is being answered */
};

/* A new cloud, and the functions of f. */
struct fake_cloud *fake_cloud_open(struct provider_fake *f, const struct fake_dialect *d);
/* Fails the test at its end. */
void fake_wrong(struct fake_cloud *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- answering ---- */

/* Takes body over, which may be NULL. Headers are "name: value\n" lines. */
void fake_say(struct fake_cloud *c, int status, json_t *body);
void fake_say_headers(struct fake_cloud *c, int status, const char *headers, json_t *body);
/* The refusal of the dialect. */
void fake_refuse(struct fake_cloud *c, int status);

/* Is it this method and path? "*" stands for a segment, which is then in parts, decoded. */
bool fake_path(struct fake_call *call, const char *method, const char *pattern);
/* NULL when absent. */
const char *fake_header(const struct fake_call *call, const char *name);
/* The header is there, is exactly that, and credentials are good. */
bool fake_authorized(const struct fake_cloud *c, const struct fake_call *call, const char *header,
                     const char *value);
/* A query parameter, decoded: owned, NULL when absent. */
char *fake_query(const struct fake_call *call, const char *name);
/* As a number; dflt when absent. */
unsigned fake_query_number(const struct fake_call *call, const char *name, unsigned dflt);
/* Has the object members that are not in the NULL-ended list? */
bool fake_has_others(const json_t *object, const char *const *names);
/* Is the query made of these parameters only? */
bool fake_query_has_others(const struct fake_call *call, const char *const *names);

/* ---- zones and records ---- */

/* NULL when there is none; the first of several. */
struct fake_zone *fake_zone_named(struct fake_cloud *c, const char *name);
struct fake_zone *fake_zone_of(struct fake_cloud *c, const char *id);
/* Relative names: "@" and "" are the zone itself. Owned. */
char *fake_absolute(const struct fake_zone *zone, const char *relative);
struct fake_record *fake_record_add(struct fake_cloud *c, const struct fake_zone *zone,
                                    const char *name, const char *text);
struct fake_record *fake_record_of(struct fake_cloud *c, const struct fake_zone *zone,
                                   const char *id);
/* By name and text; text NULL = the first of that name. */
struct fake_record *fake_record_with(struct fake_cloud *c, const struct fake_zone *zone,
                                     const char *name, const char *text);
/* Pointers to records are stale then. */
void fake_record_drop(struct fake_cloud *c, struct fake_record *r);

/* The items of a page: counts matches in, says of each whether it is on the page. */
struct fake_page {
    unsigned first, size; /* by index */
    unsigned seen;        /* matches so far: the total, at the end */
};
/* number counts from 1; size is what was asked for, bounded by the dialect's. */
struct fake_page fake_page(struct fake_cloud *c, unsigned number, unsigned size);
bool fake_on_page(struct fake_page *p);
unsigned fake_page_count(const struct fake_page *p); /* at least 1 */

#endif
