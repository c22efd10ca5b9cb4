/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of an XML answer by their names: all that AWS's APIs need. No namespaces, no attributes, no entities but the
 * five of XML and ASCII characters by number; a document type ends the text there. Linear, and nothing is allocated
 * but what is returned.
 */
#ifndef CERTROLL_DNS01_PROVIDER_XML_H
#define CERTROLL_DNS01_PROVIDER_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* A part of a text; borrowed. */
struct xml {
    const char *data;
    size_t len;
};

/* The content of the first element of that name in rest, at any depth; rest becomes what follows it. False
 * when there is none, or it is not closed. */
bool xml_next(struct xml *rest, const char *name, struct xml *ret_content);
/* The text of the first element of that name, without markup in it, at most max bytes of printable ASCII: owned, or
 * NULL when there is none or it is something else. */
char *xml_text(const struct xml *in, const char *name, size_t max);
/* The text of an element's content itself, in the same way. */
char *xml_content(const struct xml *content, size_t max);

/* Appends text with what XML means by "&<>\"" escaped. */
struct err *xml_add(struct buf *b, const char *text) MUST_CHECK;

#endif
