/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON, for kubeconfig and the configuration file: one document, core schema scalars
 * (null, bool, int, float), no tags, no anchors or aliases, depth 64, 1 MiB.
 */
#ifndef CERTROLL_JSON_YAML_H
#define CERTROLL_JSON_YAML_H

#include "json/json.h"

/* ERR_INVALID with name, line and column. name is for messages. *ret is owned. */
struct err *yaml_parse(const char *name, const char *data, size_t len, json_t **ret_value)
    MUST_CHECK;

#endif
