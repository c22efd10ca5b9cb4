/* SPDX-License-Identifier: Apache-2.0 */
/* The wish to revoke a certificate, as the annotation on its Certificate says it: REASON or REASON:SERIAL. */
#ifndef CERTROLL_API_REVOCATION_H
#define CERTROLL_API_REVOCATION_H

#include "base/err.h"

#define REVOCATION_SERIAL_MAX 129 /* with the NUL: as much as pki/ reads of a certificate */

struct revocation_request {
    int reason;                         /* RFC 5280 section 5.3.1 */
    char serial[REVOCATION_SERIAL_MAX]; /* lower-case hex without leading zero octets; "" = what the
                                           Secret holds */
};
/* Reasons have their names of RFC 5280, or its numbers (0 to 10 without 7); a serial number is hex, also with colons.
 * ERR_INVALID, reason InvalidRevocation, says what to write. */
struct err *revocation_request_parse(const char *text, struct revocation_request *ret_request)
    MUST_CHECK;
/* "keyCompromise"; static, NULL for what is no reason. */
const char *revocation_reason_name(int reason);

#endif
