/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

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
    case DNS_CNAME:
        return "CNAME";
    case DNS_AAAA:
        return "AAAA";
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
