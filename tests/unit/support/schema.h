/* SPDX-License-Identifier: Apache-2.0 */
/* A field table and an OpenAPI schema, compared both ways. */
#ifndef CERTROLL_TESTS_SUPPORT_SCHEMA_H
#define CERTROLL_TESTS_SUPPORT_SCHEMA_H

#include "json/bind.h"

/* What differs, as lines; "" for nothing. Owned. Below "status" it is we who write. */
char *schema_differences(const struct bind_table *table, const json_t *schema);

#endif
