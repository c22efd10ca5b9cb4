/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `status` answers, as JSON; text.h makes the text of it. The keys are an interface for scripts: they may be added
 * to, not changed. Shared by the files of this room only.
 */
#ifndef CERTROLL_CLI_REPORT_H
#define CERTROLL_CLI_REPORT_H

#include "cli/lookup.h"

/* {name, namespace, createdAt, conditions, ..., issuer, secret, certificateRequest, order, challenges, events}. A part
 * that could not be read has an "error". Owned. */
json_t *report_certificate(const struct chain *c);
/* {name, namespace, createdAt, state, ..., challenges, events}. */
json_t *report_order(const struct chain *c);
/* One row of the overview: {namespace, name, ready, secretName, issuer, notAfter, renewalTime, nextAction}. */
json_t *report_row(const struct certificate *crt);

#endif
