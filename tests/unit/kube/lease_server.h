/* SPDX-License-Identifier: Apache-2.0 */
/* One Lease as the API server keeps it, with the optimistic lock of resourceVersion. Thread-safe.
 * */
#ifndef CERTROLL_TESTS_KUBE_LEASE_SERVER_H
#define CERTROLL_TESTS_KUBE_LEASE_SERVER_H

#include "fake_api.h"

struct lease_server {
    pthread_mutex_t lock;
    json_t *lease; /* NULL = there is none */
    unsigned version;
    bool fail;                  /* requests fail without effect */
    bool lose_answer;           /* the next write takes place, but fails: once */
    const char *rival;          /* takes the lease just before the next write: once */
    struct clock_manual *clock; /* moved by this much before an answer is given: once */
    int64_t delay_after;
};

void lease_server_init(struct lease_server *s);
void lease_server_release(struct lease_server *s);
/* A handler of struct fake_api; arg is the server. */
struct err *lease_server_answer(void *arg, const struct fake_request *req,
                                struct http_response *ret);

/* What others do: write the spec anew, edit a label, delete. */
void lease_server_set(struct lease_server *s, const char *holder, int seconds, const char *renewed,
                      int transitions);
void lease_server_touch(struct lease_server *s);
void lease_server_delete(struct lease_server *s);
/* The holder; owned, "" for none. */
char *lease_server_holder(struct lease_server *s);

#endif
