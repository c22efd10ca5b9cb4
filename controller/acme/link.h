/* SPDX-License-Identifier: Apache-2.0 */
/* Link headers (RFC 8288): other chains of a certificate, the next page of a list, terms of service. */
#ifndef CERTROLL_ACME_LINK_H
#define CERTROLL_ACME_LINK_H

#include <stddef.h>

#define ACME_LINKS_MAX 32

struct acme_links {
    struct acme_link {
        char *rel; /* one relation, in lower case: "alternate" */
        char *url; /* absolute; https, printable, at most 2 KiB */
    } items[ACME_LINKS_MAX];
    size_t count;
};
void acme_links_release(struct acme_links *l);

/* Adds what a Link header says that came with the answer from the URL base. What is no link to an
 * https URL is left out, as is what is too much; the rest of a header that breaks off is ignored. */
void acme_links_add(struct acme_links *l, const char *base, const char *header);

/* The URL of the n-th link (from 0) with that relation; borrowed, NULL when there are fewer. */
const char *acme_links_get(const struct acme_links *l, const char *rel, size_t n);

/* A reference of RFC 3986 section 4.1 as an absolute https URL; owned, NULL when it is none. Dot
 * segments of a relative path are not resolved: such a reference is none. */
char *acme_url_resolve(const char *base, const char *reference);

#endif
