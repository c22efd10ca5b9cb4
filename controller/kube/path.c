/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of resources. Each part is checked, so a name can never climb out of its place. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/client.h"

#define PATH_BYTES_MAX 2048

static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '-' && c <= ':' && c != '/') || c == '_' ||
           (c >= 'A' && c <= 'Z');
}

/* API names are DNS names, a few may hold ':' or capitals (RBAC); never '/', '%' or dots alone. */
static bool is_path_part(const char *s)
{
    if (str_empty(s) || str_eq(s, ".") || str_eq(s, ".."))
        return false;
    size_t len = 0;
    while (is_path_char(s[len]))
        len++;
    return s[len] == '\0' && len <= KUBE_NAME_MAX;
}

static struct err *add_part(struct buf *b, const char *what, const char *part)
{
    if (!is_path_part(part))
        return err_new(ERR_INVALID, "InvalidName", "%s \"%.100s\" cannot be part of a URL", what,
                       part != NULL ? part : "");
    buf_puts(b, "/");
    buf_puts(b, part);
    return NULL;
}

struct err *kube_path(const struct kube_ref *ref, char **ret_path)
{
    const struct kube_resource *res = ref->res;
    AUTO(buf_release) struct buf b = BUF_INIT(PATH_BYTES_MAX);
    buf_puts(&b, str_empty(res->group) ? "/api" : "/apis");
    if (!str_empty(res->group))
        TRY(add_part(&b, "group", res->group));
    TRY(add_part(&b, "version", res->version));
    /* Only collections are read across namespaces. */
    if (res->namespaced && (ref->name != NULL || !str_empty(ref->ns))) {
        buf_puts(&b, "/namespaces");
        TRY(add_part(&b, "namespace", ref->ns));
    }
    TRY(add_part(&b, "resource", res->plural));
    if (ref->name != NULL)
        TRY(add_part(&b, "name", ref->name));
    if (ref->subresource != NULL)
        TRY(add_part(&b, "subresource", ref->subresource));
    *ret_path = buf_take(&b);
    return NULL;
}
