/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents (RFC 8555 section 6.7, RFC 7807) -> struct err, in one place. The type
 * decides the kind, an unknown type goes by status class; reason is the type's last part in
 * CamelCase ("RateLimited", "Unauthorized"); title and detail are bounded and cleaned of control
 * characters. 429 and 5xx are never terminal; Retry-After becomes retry_at. */
#ifndef CERTROLL_ACME_PROBLEM_H
#define CERTROLL_ACME_PROBLEM_H

#include "base/err.h"
#include "json/json.h"

#define ACME_PROBLEM_PREFIX "urn:ietf:params:acme:error:"

/* For any status but 2xx. body may be NULL (not a problem document). action and url begin the
 * message. */
struct err *acme_problem_error(const char *action, const char *url, int status, const json_t *body,
                               int64_t retry_at) MUST_CHECK;

/* Is the document's type that one of ACME's? type is the last part: "badNonce". */
bool acme_problem_is(const json_t *body, const char *type);

/* One line for a condition: "caa: While processing CAA for x.test ...", with the subproblems'
 * identifiers; owned, at most 1 KiB; NULL for no problem. For the error members of orders and
 * challenges. */
char *acme_problem_text(const json_t *problem);

#endif
