/* SPDX-License-Identifier: Apache-2.0 */
#include "widget.h"

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"

static const struct bind_field fields[] = {
    BIND_ROW(struct widget, OBJECT, obj.meta, "metadata", .table = &object_meta_table),
    BIND_ROW(struct widget, STRING, color, "color", .flags = 0),
};
static const struct bind_table table = BIND_TABLE("Widget", struct widget, fields);

const struct kube_kind widget_kind = {
    .res = {.group = "example.com",
            .version = "v1",
            .plural = "widgets",
            .kind = "Widget",
            .namespaced = true},
    .table = &table,
};

json_t *widget_json(const char *ns, const char *name, const char *rv, const char *color)
{
    auto_free char *uid = x_printf("uid-%s", name);
    json_t *meta = json_new_object();
    json_put_str(meta, "name", name);
    json_put_str(meta, "namespace", ns);
    json_put_str(meta, "uid", uid);
    json_put_str(meta, "resourceVersion", rv);
    json_t *object = json_new_object();
    json_put_str(object, "apiVersion", "example.com/v1");
    json_put_str(object, "kind", "Widget");
    json_put(object, "metadata", meta);
    json_put_str(object, "color", color);
    return object;
}

const struct widget *widget_new(const char *ns, const char *name, const char *rv, const char *color)
{
    json_auto_t *object = widget_json(ns, name, rv, color);
    const void *decoded;
    struct err *err = object_decode(&widget_kind, object, &decoded);
    if (err != NULL)
        x_abort(err->message);
    return decoded;
}

void widget_by_color(const void *object, void (*emit)(void *arg, const char *value), void *arg)
{
    const struct widget *w = object;
    if (!str_empty(w->color))
        emit(arg, w->color);
}
