/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standing routes: an Ingress in certroll's own namespace for a set of names of one namespace, for whatever token,
 * that stays when the order is done. What is answered there is decided by the responder: exact pairs of host and
 * token only. Who removes them: reconcilers/standing.c.
 */
#ifndef CERTROLL_HTTP01_STANDING_H
#define CERTROLL_HTTP01_STANDING_H

#include "base/list.h"
#include "http01/tier.h"

/* "certroll.dev/http01-standing": a label, and the annotation that holds the namespace of the names. */
#define HTTP01_STANDING "certroll.dev/http01-standing"
/* A label: that namespace again. */
#define HTTP01_STANDING_FOR "certroll.dev/http01-standing-for"

struct http01_standing {
    const char *name; /* of the Ingress; borrowed, as uid and ns */
    const char *uid;
    const char *ns; /* whose names these are */
    struct strlist hosts;
};

/* Calls fn for each standing route, of that namespace unless it is NULL; an error of fn ends it. */
struct err *http01_standing_each(const struct http01_env *env, const char *ns,
                                 struct err *(*fn)(void *arg, const struct http01_standing *route),
                                 void *arg) MUST_CHECK;
struct err *http01_standing_remove(const struct http01_env *env,
                                   const struct http01_standing *route) MUST_CHECK;

#endif
