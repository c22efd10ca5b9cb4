/* SPDX-License-Identifier: Apache-2.0 */
/* A cache of widgets, indexed by color, and what is asked of it. All in namespace "ns". */
#ifndef CERTROLL_TESTS_KUBE_CACHE_FIXTURE_H
#define CERTROLL_TESTS_KUBE_CACHE_FIXTURE_H

#include "kube/cache.h"
#include "widget.h"

/* What the handler was told, as text: "+a@1 ~a@1>2 -a@2", "!" before changes of the first list. */
extern char cache_told[4096];
/* Compares and forgets. */
void expect_told(const char *want);

struct cache *widget_cache_new(void);
/* An empty first list. */
void widget_cache_sync(struct cache *c, const char *rv);
void widget_put(struct cache *c, const char *name, const char *rv, const char *color);
void widget_delete(struct cache *c, const char *name, const char *rv);
/* We wrote it and this is the answer. */
void widget_written(struct cache *c, const char *name, const char *rv, const char *color);

/* rv NULL: it is absent. */
void expect_version(struct cache *c, const char *name, const char *rv);
void expect_behind(struct cache *c, const char *name);
/* The names under a color: "a b", or "behind". */
void expect_color(struct cache *c, const char *color, const char *want);

#endif
