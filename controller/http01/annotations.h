/* SPDX-License-Identifier: Apache-2.0 */
/* What ingress controllers have to be told so that a path is open to everyone over plain HTTP. */
#ifndef CERTROLL_HTTP01_ANNOTATIONS_H
#define CERTROLL_HTTP01_ANNOTATIONS_H

#include "json/json.h"

/* For an Ingress of a solver: what each project documents for it; one ignores what is for another. Owned. */
json_t *http01_open_annotations(void);

#endif
