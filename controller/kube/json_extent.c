/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/json_extent.h"

static bool string_ends(struct json_extent *x, char c)
{
    if (x->escaped)
        x->escaped = false;
    else if (c == '\\')
        x->escaped = true;
    else if (c == '"')
        x->in_string = false;
    return !x->in_string;
}

const char *json_extent_scan(struct json_extent *x, const char *p, const char *end, bool *ret_ended)
{
    *ret_ended = true;
    for (; p < end; p++) {
        if (x->in_string) {
            if (string_ends(x, *p) && x->depth == 0)
                return p + 1;
            continue;
        }
        switch (*p) {
        case '"':
            x->in_string = true;
            break;
        case '{':
        case '[':
            x->depth++;
            break;
        case '}':
        case ']':
            if (x->depth == 0)
                return p;
            if (--x->depth == 0)
                return p + 1;
            break;
        case ',':
            if (x->depth == 0)
                return p;
            break;
        default:
            break;
        }
    }
    *ret_ended = false;
    return end;
}
