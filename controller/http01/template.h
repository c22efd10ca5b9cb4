/* SPDX-License-Identifier: Apache-2.0 */
/* The Issuer's templates. Ours is merged over what they may say: what makes a solver safe and what makes it
 * work cannot be overridden; the annotations that speak to ingress controllers (annotations.h) can. */
#ifndef CERTROLL_HTTP01_TEMPLATE_H
#define CERTROLL_HTTP01_TEMPLATE_H

#include "base/err.h"
#include "json/json.h"

/* field: below spec.acme.solvers[].http01, for the message: "ingress.podTemplate". No template gives an
 * empty object. ERR_INVALID when it is not an object. Owned. */
struct err *http01_template_parse(const char *field, const char *text, json_t **ret_template)
    MUST_CHECK;

/* The named members that are there. Nothing else of a template is looked at. Owned. */
json_t *http01_pick(const json_t *from, const char *const *names);
/* metadata{annotations,labels}. Owned. */
json_t *http01_template_metadata(const json_t *template);

#endif
