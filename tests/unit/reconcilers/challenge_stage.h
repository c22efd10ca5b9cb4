/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenge "c" of Order "o" in namespace "shop": *.a.test by DNS-01 at Cloudflare. Its CA, its provider and the API server
 * are one script; its zone has one server, 192.0.2.1, that shows what a test puts there.
 */
#ifndef CERTROLL_TESTS_RECONCILERS_CHALLENGE_STAGE_H
#define CERTROLL_TESTS_RECONCILERS_CHALLENGE_STAGE_H

#include "acme_scene.h"
#include "support/scripted_zones.h"

#define CHALLENGE "https://api/apis/acme.certroll.dev/v1/namespaces/shop/challenges/c"
#define SECRET "GET https://api/api/v1/namespaces/shop/secrets/cf"
#define API "https://api.cloudflare.com/client/v4"
#define RECORD "_acme-challenge.a.test"
#define ANY_VALUE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define FINALIZERS ",\"finalizers\":[\"acme.certroll.dev/finalizer\"]"
#define DELETED ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""

struct stage {
    struct scene s;
    struct scripted_zones net;
    char *value; /* that the account's key makes of the token */
    int64_t next;
};

void stage_open(struct stage *t);
/* With solvers of its own: ",\"solvers\":[...]". */
void stage_open_solvers(struct stage *t, const char *solvers);
/* Fails the test unless the script was followed. */
void stage_close(struct stage *t);
#define STAGE(name)                                                                                \
    AUTO(stage_close) struct stage name;                                                           \
    stage_open(&(name))

/* One pass; next: when the following one is wanted. */
void reconcile(struct stage *t);

/* ---- objects */

/* status: the members of it. Both owned. */
char *challenge_text(int version, const char *meta, const char *status);
/* A status whose record is put down with that value. */
char *record_text(const char *value);
void put_challenge(struct stage *t, int version, const char *meta, const char *status);
/* Challenge "d" of another order, which the CA gave the same authorization. */
void put_another(struct stage *t, const char *meta, const char *status);
/* status: more members, each begins with a comma. */
void put_order(struct stage *t, int version, const char *status);
void remove_issuer(struct stage *t);

/* ---- the script */

/* What was planned has happened; the script goes on. */
void turn_page(struct stage *t);
void plan_authz(struct stage *t, const char *status);
/* The same, pending, where a minute has passed since it was read. */
void plan_read_again(struct stage *t);
void plan_status(struct stage *t, int version, const char *status);
void plan_secret(struct stage *t);
/* The credential, the zone, and the record with that HTTP status. */
void plan_present(struct stage *t, int status);
void plan_clean_up(struct stage *t, int status);
void plan_let_go(struct stage *t, int version, const char *meta, const char *status);
/* The status that was written last. Owned. */
json_t *written(struct stage *t);
/* The cache has it now. */
void keep_written(struct stage *t, int version);

/* ---- scenes */

/* Up to where the record is in status. */
void go_to_recorded(struct stage *t);
/* And at the provider. */
void go_to_presented(struct stage *t);

#endif
