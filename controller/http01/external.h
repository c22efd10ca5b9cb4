/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For web servers that are not ours: lines that make them answer every HTTP-01 challenge of an ACME account.
 * A thumbprint is public; without the account key the answers are worth nothing.
 */
#ifndef CERTROLL_HTTP01_EXTERNAL_H
#define CERTROLL_HTTP01_EXTERNAL_H

#include "base/buf.h"

/* Lines for nginx, Apache and HAProxy, each with a comment on where they belong. The thumbprint is valid
 * (http01_thumbprint_is_valid()). At most 4 KiB are added. */
void http01_external_lines(const char *thumbprint, struct buf *out);

#endif
