/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that a CA has issued, and the requests that hold them. */
#ifndef CERTROLL_TESTS_RECONCILERS_LEAF_SCENE_H
#define CERTROLL_TESTS_RECONCILERS_LEAF_SCENE_H

#include "pki/cert.h"
#include "reconciler_scene.h"

struct leaf {
    char *text; /* as status.certificate of a request has it */
    struct pki_cert cert;
    struct pki_key *key; /* the private one */
};
/* sans: "DNS:a.test,DNS:b.test". Written with OpenSSL alone; has an authority key identifier. */
void leaf_issue(const char *sans, int64_t not_after, struct leaf *ret_leaf);
void leaf_release(struct leaf *l);
#define LEAF __attribute__((cleanup(leaf_release))) struct leaf

struct leaf_request {
    const char *ns, *name;
    const char *owner_uid; /* of the Certificate "web" */
    const char *issuer;    /* a ClusterIssuer */
    const char *ready;     /* NULL = True */
};
/* Puts a request that was answered with the leaf. */
void leaf_put_request(struct scene *s, const struct leaf_request *r, const struct leaf *leaf);

#endif
