/* SPDX-License-Identifier: Apache-2.0 */
/* What this room asks of URLs, answered by libcurl's own parser so that both always agree. */
#ifndef CERTROLL_NET_URL_H
#define CERTROLL_NET_URL_H

#include <stdbool.h>

#include "base/err.h"

/* For messages: scheme, host and path, since a query or user info may be a secret. Cut at 512 bytes,
 * NULL is allowed. Owned. */
char *url_shown(const char *url);
/* The same without the path, for URLs that a peer chose. */
char *url_shown_origin(const char *url);

/* "https://name:443" in lower case, the same for all spellings of one origin; NULL for what is no URL. Owned. */
char *url_origin(const char *url);

/* Where a redirect leads, seen from the request's URL. */
struct redirect {
    bool same_host;
    bool same_port;
    bool same_origin; /* host, port and scheme (RFC 6454 section 5) */
};
/* ERR_DENIED reason RedirectForbidden for what is not followed: schemes other than http and https,
 * ports other than 80 and 443, user info, URLs over HTTP_URL_MAX. */
struct err *url_redirect(const char *from, const char *to, struct redirect *ret_redirect)
    MUST_CHECK;

/* For a caller that follows by itself and dials where it wants: a Location, relative ones included, as
 * seen from a URL. The same errors as url_redirect(). */
struct url_target {
    char *url;
    char *host; /* without the brackets of IPv6 */
    char *port;
    bool same_host;
};
void url_target_release(struct url_target *t);
struct err *url_follow(const char *from, const char *location, struct url_target *ret_target)
    MUST_CHECK;

#endif
