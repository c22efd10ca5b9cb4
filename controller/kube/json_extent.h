/* SPDX-License-Identifier: Apache-2.0 */
/* Where a JSON value ends, found by brackets and quotes alone, over any number of pieces of text. */
#ifndef CERTROLL_KUBE_JSON_EXTENT_H
#define CERTROLL_KUBE_JSON_EXTENT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero before the value's first byte. */
struct json_extent {
    size_t depth;
    bool in_string;
    bool escaped;
};

/* Reads on from p. Returns the place just behind the value and sets *ret_ended; or end, when the value
 * goes on. A number or literal ends at the comma or bracket behind it. */
const char *json_extent_scan(struct json_extent *x, const char *p, const char *end,
                             bool *ret_ended);

#endif
