/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate reconciler: one pass over one Certificate, a table of steps (certificate.c). This
 * header is shared by the files that hold the steps; nobody else includes it but setup.c.
 */
#ifndef CERTROLL_RECONCILERS_CERTIFICATE_H
#define CERTROLL_RECONCILERS_CERTIFICATE_H

#include "api/revocation.h"
#include "api/wanted.h"
#include "pki/cert.h"
#include "reconcilers/env.h"

struct err *certificate_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* Over what renewals are spread, and whose this one is. */
struct renewal_spread {
    int64_t width;   /* ns */
    const char *uid; /* of the Certificate; NULL = not spread */
};
/* When to renew a certificate of that life (wall ns, whole seconds): renewBefore, renewBeforePercentage, else after
 * 2/3 of it, 1/2 when it lives less than 10 days, and up to a jitter earlier. */
int64_t renewal_time(const struct certificate_spec *spec, struct renewal_spread spread,
                     int64_t not_before, int64_t not_after);
/* Up to that width, or a 60th of the life (ns, whole seconds): always the same for a uid. */
int64_t renewal_jitter(struct renewal_spread spread, int64_t life);
/* The same with the CA's word: what was drawn from its window, at the latest when renewBefore or
 * renewBeforePercentage say, else half-way from the own rule's moment to the end. One that is early again and
 * again waits after issued_at, from an hour on. */
int64_t renewal_due(const struct certificate_spec *spec, struct renewal_spread spread,
                    const struct certificate_status *status, int64_t issued_at);

/* What the target Secret holds. */
struct held {
    bool present;
    bool certificate; /* not_before, not_after and fingerprint are known */
    bool read;        /* the Secret was read in this pass: json is set */
    json_t *json;     /* wiped when freed */
    int64_t not_before;
    int64_t not_after;
    char fingerprint[PKI_SHA256_HEX];
};

/* Why the Secret does not satisfy the spec; reason NULL = it does. */
struct violation {
    const char *reason;
    char *message;
};

/* An issuer, and as many as it may fail over to. */
#define ISSUERS_MAX 5

struct certificate_pass {
    const struct env *env;
    const struct certificate *crt;
    int64_t now;
    struct wanted wanted;
    const struct tls_secret *secret; /* metadata, may be NULL */
    struct held held;
    struct violation violation;
    bool revoked;                 /* what the Secret holds, and with it its key */
    bool renewing;                /* violation is only that it is time */
    const struct issuer *primary; /* spec.issuerRef's; NULL for an external one */
    const struct issuer_ref
        *refs[ISSUERS_MAX];             /* who may issue: spec.issuerRef, then its failover */
    size_t ref_count;                   /* 0 until issuers_known() */
    const struct issuer_ref *ref;       /* who is to issue */
    const struct issuer *issuer;        /* that one; NULL for an external one */
    const struct issuer_driver *driver; /* NULL for an external one */
    const struct certificate_request *attempt; /* of revision + 1, may be NULL */
    bool preflight;                            /* attempt is not the request yet but its trial */
    bool placed;                               /* the CA has its order; from step Issuer on */
    struct pki_key *key;                       /* of the attempt, when at hand */

    bool stop;          /* no further step */
    bool quiet;         /* in-process and young: progress alone is not worth a status write */
    int64_t next;       /* wall ns of the next look, 0 = none */
    int64_t next_check; /* when the CA is asked for renewal information, 0 = never */
    char *explanation;  /* status.renewalInfo.explanationURL */
    struct revocation_request revocation; /* strings of status.revocation */
    char *revocation_request;
    char *revocation_message;
    char *waiting;                      /* status.nextAction */
    char key_secret[KUBE_NAME_MAX + 1]; /* status.nextPrivateKeySecretName */
    struct certificate_status status;   /* under construction */
    struct condition_set conditions;
};

/* A request that is unanswered for longer is worth words in status. */
#define ANSWER_PATIENCE (10 * NS_PER_SEC)
/* And an Order that has nothing to tell, once nothing was seen of it for so long. */
#define ORDER_PATIENCE NS_PER_MIN

/* Ends the pass with a sentence for status.nextAction. */
void pass_wait(struct certificate_pass *p, int64_t next, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Ends the pass: nothing to do before the renewal time. */
void pass_content(struct certificate_pass *p);
void pass_set_issuing(struct certificate_pass *p, const char *status, const char *reason,
                      const char *message);
void pass_violation(struct certificate_pass *p, const char *reason, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Names are the same each time: CertificateRequest and key Secret of the revision being issued. */
void attempt_name(const struct certificate_pass *p, char out[KUBE_NAME_MAX + 1]);
void attempt_key_name(const struct certificate_pass *p, char out[KUBE_NAME_MAX + 1]);

/* The name of what the Secret holds in RFC 9773 section 4.1, when its annotations are about that; else "". */
const char *held_certificate_id(const struct certificate_pass *p);
struct renewal_spread renewal_spread_of(const struct certificate_pass *p);
/* Brings status.renewalInfo up to the CA's last answer and has the CA asked when that is due. */
struct err *follow_renewal_info(struct certificate_pass *p) MUST_CHECK;
/* What was just written is new to its CA: nothing is known yet. Needs the violation that led to it. */
void begin_renewal_info(struct certificate_pass *p);
/* The certificate that the CA is told is replaced (RFC 9773 section 5): the Secret's, when it is of the
 * same issuer and account; borrowed, or NULL. */
const char *replaced_certificate(const struct certificate_pass *p);

/* The steps; see the table in certificate.c. */
struct err *ensure_spec(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_ownership(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_inspected(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_revoked(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_metadata(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_needed(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_issuer(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_attempt_current(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_backoff(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_preflight(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_key(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_request(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_answer(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_secret(struct certificate_pass *p) MUST_CHECK;
struct err *ensure_recorded(struct certificate_pass *p) MUST_CHECK;

/* The CertificateRequest of the revision that the Secret holds, referenced, or NULL. */
struct err *current_request(struct certificate_pass *p,
                            const struct certificate_request **ret_request) MUST_CHECK;
/* What a CertificateRequest asks for otherwise than the spec does: a sentence, owned, or NULL. */
struct err *request_difference(struct certificate_pass *p,
                               const struct certificate_request *request, char **ret_difference)
    MUST_CHECK;

/* Fills refs: the issuers that may have issued, or may issue, the certificate. */
struct err *issuers_known(struct certificate_pass *p) MUST_CHECK;
/* The one of refs that means the same issuer; NULL when there is none. */
const struct issuer_ref *issuers_find(const struct certificate_pass *p,
                                      const struct issuer_ref *ref);
/* Tells people when the next request goes to another issuer than the spec names. */
void say_failed_over(const struct certificate_pass *p);
/* Gives up an attempt: deletes its request. */
struct err *drop_attempt(struct certificate_pass *p) MUST_CHECK;

/* A key as the spec has it, owned. When it takes long and another such is being made *ret_key stays NULL, and the pass has
 * ended. */
struct err *new_key(struct certificate_pass *p, struct pki_key **ret_key) MUST_CHECK;
/* Deletes the Secrets that hold keys of this Certificate's attempts. */
struct err *drop_key_secrets(struct certificate_pass *p) MUST_CHECK;
/* Counts a failed attempt once, reports it, and ends the pass. */
struct err *attempt_failed(struct certificate_pass *p, int64_t when, const char *reason,
                           const char *message) MUST_CHECK;
/* Was the failure of the present attempt counted before? */
bool attempt_is_counted(const struct certificate_pass *p);
/* A counted failure: waits for the back-off, or gives the attempt up when it is over. */
struct err *attempt_retry(struct certificate_pass *p) MUST_CHECK;
/* An answer that is of no use: the attempt has failed for that reason, or is retried when that was counted. Takes e,
 * and returns what is no such verdict. */
struct err *attempt_reject(struct certificate_pass *p, const char *reason, struct err *e)
    MUST_CHECK;
/* Ends the pass until the attempt's request is answered, and says what that waits for. */
struct err *attempt_wait(struct certificate_pass *p) MUST_CHECK;
/* Is the request owned by this Certificate? */
bool request_is_ours(const struct certificate_pass *p, const struct certificate_request *request);
/* The issuer behind the reference at field ("spec.issuerRef"), referenced, when it is there and ready; else the pass
 * ends, and says so. */
struct err *ready_issuer(struct certificate_pass *p, const struct issuer_ref *ref,
                         const char *field, const struct issuer **ret_issuer) MUST_CHECK;
/* Ends the pass until somebody changes what is said there; takes message. */
void wait_for_issuer(struct certificate_pass *p, const char *reason, char *message);

/* While the attempt has no request, its preflight's stands for it; afterwards that is deleted. */
struct err *find_preflight(struct certificate_pass *p) MUST_CHECK;

#endif
