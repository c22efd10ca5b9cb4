/* SPDX-License-Identifier: Apache-2.0 */
/* What drivers may use, over a script that holds API server and CA alike. */
#ifndef CERTROLL_TESTS_ISSUERS_ISSUER_SCENE_H
#define CERTROLL_TESTS_ISSUERS_ISSUER_SCENE_H

#include "base/clock.h"
#include "issuers/acme_account.h"
#include "issuers/issuer.h"
#include "support/scripted_transport.h"

#define SCENE_NOW (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01T00:00:00Z */

struct issuer_scene {
    struct scripted_transport world;
    struct clock_manual hands;
    struct issuer_env env;
};
void scene_open(struct issuer_scene *s);
/* Fails the test unless the script was followed. */
void scene_close(struct issuer_scene *s);
#define SCENE __attribute__((cleanup(scene_close))) struct issuer_scene

/* Once per process: JSON, OpenSSL and the group certroll.dev. */
void scene_prepare(void);

/* An object of the text, as the cache holds it; one reference. */
const void *scene_object(const struct kube_kind *kind, const char *text);
/* Puts an object of the text into the cache. */
void scene_put(struct cache *c, const char *text);

struct pki_key *scene_key(void);
/* A verified request of names (released here) signed by key. */
struct pki_csr scene_csr(struct pki_names *names, const struct pki_key *key, bool is_ca);
/* {"metadata": name, "data": {"tls.key": the key}} of an API server's answer; owned. */
char *scene_key_secret(const struct pki_key *key, const char *data_key);

#endif
