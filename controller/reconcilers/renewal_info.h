/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When would the CA have a certificate renewed (RFC 9773)? The certificate reconciler says when to ask;
 * asking is a call to the outside, done here; the answer waits on the board until it is in status, which only
 * the certificate reconciler writes. What the board loses costs a poll.
 */
#ifndef CERTROLL_RECONCILERS_RENEWAL_INFO_H
#define CERTROLL_RECONCILERS_RENEWAL_INFO_H

#include "reconcilers/env.h"

/* A reconciler of Certificates: asks the CA when that is due, and wakes the certificate reconciler. */
struct err *renewal_info_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* The issuer that can be asked about what the Secret holds, by the Secret's own annotations,
 * referenced; NULL when there is none: not ours, gone, not ACME, switched off. */
struct err *renewal_info_issuer(const struct env *env, const struct tls_secret *secret,
                                const char *ns, const struct issuer **ret_issuer) MUST_CHECK;

/* ---- the board; thread-safe, by uid of the Certificate ---- */

struct renewal_board *renewal_board_new(void);
void renewal_board_free(struct renewal_board *b);

struct renewal_answer {
    int64_t start; /* wall ns; 0 = the CA gave no window */
    int64_t end;
    char *explanation_url; /* NULL when there is none */
};
void renewal_answer_release(struct renewal_answer *a);

/* When the CA is to be asked next, wall ns; 0 = not known. */
int64_t renewal_board_next(struct renewal_board *b, const char *uid);
/* Sets that, and forgets what was answered before. */
void renewal_board_plan(struct renewal_board *b, const char *uid, int64_t next);
/* A copy of the answer about that certificate (RFC 9773 section 4.1); all zero when there is none. */
void renewal_board_read(struct renewal_board *b, const char *uid, const char *certificate_id,
                        struct renewal_answer *ret_answer);
/* The Certificate is gone. */
void renewal_board_forget(struct renewal_board *b, const char *uid);
/* The answer is in status. */
void renewal_board_settle(struct renewal_board *b, const char *uid);

#endif
