/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LABEL_MAX 63
#define LABEL_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_"

void dns_answer_release(struct dns_answer *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->records[i].data);
    free(a->records);
    *a = (struct dns_answer){0};
}

const char *dns_type_str(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_CNAME:
        return "CNAME";
    case DNS_SOA:
        return "SOA";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    case DNS_DNAME:
        return "DNAME";
    case DNS_CAA:
        return "CAA";
    }
    return "?";
}

struct err *dns_query(const struct dns_transport *t, const struct dns_question *q,
                      const struct stop *stop, struct dns_answer *ret_answer)
{
    char name[DNS_NAME_MAX + 1];
    if (!dns_name_copy(q->name, name))
        return err_new(ERR_INVALID, "InvalidName", "\"%.64s\" is not a DNS name",
                       str_or(q->name, ""));
    return err_wrap(t->query(t->ctx, q, stop, ret_answer), "DNS query for %s %s", name,
                    dns_type_str(q->type));
}

bool dns_name_copy(const char *name, char out[DNS_NAME_MAX + 1])
{
    size_t len = name == NULL ? 0 : strnlen(name, DNS_NAME_MAX + 2);
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    out[len] = '\0';
    const char *label = str_starts(out, "*.") ? out + 2 : out;
    for (;;) {
        size_t chars = strspn(label, LABEL_CHARS);
        if (chars == 0 || chars > LABEL_MAX)
            return false;
        label += chars;
        if (*label == '\0')
            return true;
        if (*label++ != '.')
            return false;
    }
}

bool dns_address_text(const struct dns_record *r, char out[DNS_ADDRESS_MAX])
{
    if (r->len != sizeof(struct in_addr) && r->len != sizeof(struct in6_addr))
        return false;
    int family = r->len == sizeof(struct in_addr) ? AF_INET : AF_INET6;
    return inet_ntop(family, r->data, out, DNS_ADDRESS_MAX) != NULL;
}

bool dns_record_name(const struct dns_record *r, char out[DNS_NAME_MAX + 1])
{
    char text[DNS_NAME_MAX + 2] = "";
    size_t len = 0;
    size_t at = 0;
    while (at < r->len && r->data[at] != 0) {
        size_t label = r->data[at++];
        if (label > r->len - at || len + label + 1 >= sizeof(text) ||
            memchr(r->data + at, '.', label) != NULL || memchr(r->data + at, '\0', label) != NULL)
            return false;
        memcpy(text + len, r->data + at, label);
        len += label;
        text[len++] = '.';
        at += label;
    }
    text[len] = '\0';
    return at < r->len && dns_name_copy(text, out);
}

char *dns_txt_text(const struct dns_record *r)
{
    auto_free char *text = x_alloc(r->len + 1);
    size_t len = 0;
    for (size_t at = 0; at < r->len;) {
        size_t part = r->data[at++];
        if (part > r->len - at || memchr(r->data + at, '\0', part) != NULL)
            return NULL;
        memcpy(text + len, r->data + at, part);
        len += part;
        at += part;
    }
    text[len] = '\0';
    return TAKE(text);
}
