/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of tests about rate limits: the Issuer shop/ca, the Certificate shop/web, its requests and Orders. */
#ifndef CERTROLL_TESTS_RECONCILERS_BUDGET_SCENE_H
#define CERTROLL_TESTS_RECONCILERS_BUDGET_SCENE_H

#include "pki/names.h"
#include "reconciler_scene.h"

/* Of www.a.co.uk, *.a.co.uk and b.test, as spec.request has it; made by the tests' set-up. */
extern char *budget_csr;
/* Owned texts; lists of names end with NULL. */
char *budget_make_csr(const char *const *dns);
char *budget_csr_of(const struct pki_names *names);
void budget_put_issuer(struct scene *s, const char *server, const char *limits);
void budget_put_certificate(struct scene *s, const char *status);
void budget_put_request(struct scene *s, int revision, const char *request, const char *status);
char *budget_order_text(const char *uid, int version, const char *status);
void budget_put_order(struct scene *s, const char *uid, int version, const char *status);

#endif
