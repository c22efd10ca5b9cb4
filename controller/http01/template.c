/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/template.h"

#include <string.h>

#include "base/mem.h"

struct err *http01_template_parse(const char *field, const char *text, json_t **ret_template)
{
    if (text == NULL) {
        *ret_template = json_new_object();
        return NULL;
    }
    json_auto_t *t = NULL;
    TRY(json_parse(text, strlen(text), &t), "spec.acme.solvers[].http01.%s", field);
    if (!json_is_object(t))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "spec.acme.solvers[].http01.%s: expected an object", field);
    *ret_template = TAKE(t);
    return NULL;
}

json_t *http01_pick(const json_t *from, const char *const *names)
{
    json_t *to = json_new_object();
    for (; *names != NULL; names++) {
        json_t *value = JGET(from, *names);
        if (value != NULL)
            json_put(to, *names, json_incref(value));
    }
    return to;
}

json_t *http01_template_metadata(const json_t *template)
{
    static const char *const members[] = {"annotations", "labels", NULL};
    return http01_pick(JGET(template, "metadata"), members);
}
