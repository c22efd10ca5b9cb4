/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hangs on a Certificate, read from the API: issuer, Secret, CertificateRequest, Order, Challenges, Events. A part
 * that cannot be read does not hide the others: its error is kept beside it. Shared by the files of this room only.
 */
#ifndef CERTROLL_CLI_LOOKUP_H
#define CERTROLL_CLI_LOOKUP_H

#include "api/certificate.h"
#include "api/certificate_request.h"
#include "api/challenge.h"
#include "api/issuer.h"
#include "api/order.h"
#include "cli/verb.h"
#include "kube/cache.h"
#include "pki/cert.h"

/* In the order in which they are looked for. */
enum chain_part {
    CHAIN_ISSUER,
    CHAIN_SECRET,
    CHAIN_REQUEST,
    CHAIN_ORDER,
    CHAIN_CHALLENGES,
    CHAIN_EVENTS,
    CHAIN_PARTS,
};

#define CHAIN_EVENTS_MAX 10
struct chain_events {
    struct {
        int64_t time;
        json_t *event; /* lastSeen, type, reason, object, message, count */
    } items[CHAIN_EVENTS_MAX];
    size_t len;
};

/* Of the Secret, only its type and what tls.crt says. */
struct chain_secret {
    char *type; /* NULL: there is none */
    bool has_leaf;
    struct pki_cert leaf;
};

struct chain {
    const struct certificate
        *crt; /* referenced as all objects here; NULL when it starts with an Order */
    const struct issuer *issuer; /* NULL for an external one, too */
    struct chain_secret secret;
    const struct certificate_request *request; /* the latest */
    const struct order *order;                 /* the request's latest */
    struct object_list challenges;
    struct chain_events events; /* the latest ones of all these, oldest first */
    struct err
        *errs[CHAIN_PARTS]; /* why a part could not be read; NULL = it is there, or not needed */
};
void chain_release(struct chain *c);

/* Reads the Certificate and the parts named by bits (1 << CHAIN_ISSUER). Fails only when the Certificate itself cannot
 * be read: ERR_NOT_FOUND says what to try. */
struct err *lookup_certificate(const struct cli *cli, const char *name, unsigned parts,
                               struct chain *ret_chain) MUST_CHECK;
/* The same from an Order downwards. */
struct err *lookup_order(const struct cli *cli, const char *name, unsigned parts,
                         struct chain *ret_chain) MUST_CHECK;

/* Fills in chain->events. */
struct err *lookup_events(const struct cli *cli, struct chain *chain) MUST_CHECK;

/* One object, referenced; ERR_NOT_FOUND in words for people. */
struct err *lookup_object(const struct cli *cli, const struct kube_kind *kind, const char *ns,
                          const char *name, const void **ret_object) MUST_CHECK;
/* The issuer behind a reference in a namespace; NULL for an external one. */
struct err *lookup_issuer(const struct cli *cli, const struct issuer_ref *ref, const char *ns,
                          const struct issuer **ret_issuer) MUST_CHECK;
/* All objects of a kind in cli->ns that keep() wants (NULL = all); selector may be NULL. */
typedef bool (*lookup_keep)(const void *arg, const void *object);
struct err *lookup_list(const struct cli *cli, const struct kube_kind *kind, const char *selector,
                        lookup_keep keep, const void *arg, struct object_list *ret_list) MUST_CHECK;

/* For verbs on one or many Certificates: ERR_INVALID unless exactly one of names, -l and --all is given. */
struct err *lookup_check_targets(const struct cli *cli, const char *const *args) MUST_CHECK;
/* The Certificates meant; of those named, the ones that cannot be read are complained of and left out. ERR_NOT_FOUND
 * when there are none with -l or --all. */
struct err *lookup_targets(struct cli *cli, const char *const *args, struct object_list *ret_list)
    MUST_CHECK;

#endif
