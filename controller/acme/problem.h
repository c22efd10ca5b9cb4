/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 8555 section 6.7, RFC 7807) -> struct err, in one place. The type
 * decides the kind (compound: the gravest of its parts), an unknown type goes by status class; reason is the type's last part in
 * CamelCase ("RateLimited", "Unauthorized"); title and detail are bounded and cleaned of control
 * characters. 429 and 5xx are never terminal; Retry-After becomes retry_at. */
#ifndef CERTROLL_ACME_PROBLEM_H
#define CERTROLL_ACME_PROBLEM_H

#include "acme/link.h"
#include "base/err.h"
#include "json/json.h"

#define ACME_PROBLEM_PREFIX "urn:ietf:params:acme:error:"

/* A refusal, as far as it was read. All borrowed. */
struct acme_refusal {
    const char *action, *url; /* these begin the message */
    int status;               /* any but 2xx */
    const json_t *body;       /* NULL: not a problem document */
    bool from_ca;             /* the answer shows that the CA gave it: it brings a nonce */
    const struct acme_links *links;
    int64_t retry_at;
};
/* A 4xx that may be of something between here and the CA (no problem document, no nonce) is
 * ERR_TRANSIENT. The message ends with what to do next, where the type says that. */
struct err *acme_problem_error(const struct acme_refusal *r) MUST_CHECK;

/* Is the document's type that one of ACME's? type is the last part: "badNonce". */
bool acme_problem_is(const json_t *body, const char *type);

/* One line for a condition: "caa: While processing CAA for x.test ...", with the subproblems'
 * identifiers; owned, at most 1 KiB; NULL for no problem. For the error members of orders and
 * challenges. */
char *acme_problem_text(const json_t *problem);

#endif
