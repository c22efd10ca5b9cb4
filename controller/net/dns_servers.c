/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_servers.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define DNS_PORT 53
#define PORT_MAX 65535
#define HOST_MAX (DNS_ADDRESS_MAX + IF_NAMESIZE)

/* fe80::1%eth0, as routers announce themselves; inet_pton() knows no zones. */
static bool parse_v6(const char *host, struct sockaddr_in6 *ret_v6)
{
    char address[HOST_MAX];
    str_copy(address, sizeof(address), host);
    char *zone = strchr(address, '%');
    if (zone != NULL)
        *zone++ = '\0';
    *ret_v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (inet_pton(AF_INET6, address, &ret_v6->sin6_addr) != 1)
        return false;
    ret_v6->sin6_scope_id = zone == NULL ? 0 : if_nametoindex(zone);
    return zone == NULL || ret_v6->sin6_scope_id != 0;
}

/* Where the address ends and the port begins, when there is one. */
static bool split(const char *text, char host[HOST_MAX], const char **ret_port)
{
    bool bracketed = *text == '[';
    const char *start = text + bracketed;
    size_t len = strlen(start);
    *ret_port = NULL;
    const char *colon = strchr(start, ':');
    if (bracketed) {
        len = strcspn(start, "]");
        if (start[len] != ']' || (start[len + 1] != ':' && start[len + 1] != '\0'))
            return false;
        if (start[len + 1] == ':')
            *ret_port = start + len + 2;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        len = (size_t)(colon - start);
        *ret_port = colon + 1;
    }
    if (len == 0 || len >= HOST_MAX)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    return true;
}

struct err *dns_server_parse(const char *text, union dns_address *ret_address)
{
    char host[HOST_MAX];
    const char *port_text = NULL;
    int64_t port = DNS_PORT;
    union dns_address a = {.v4 = {.sin_family = AF_INET}};
    bool ok = split(text, host, &port_text);
    if (ok && port_text != NULL) {
        AUTO_ERR e = str_to_i64(port_text, 1, PORT_MAX, &port);
        ok = e == NULL;
    }
    if (ok && inet_pton(AF_INET, host, &a.v4.sin_addr) == 1)
        a.v4.sin_port = htons((uint16_t)port);
    else if (ok && parse_v6(host, &a.v6))
        a.v6.sin6_port = htons((uint16_t)port);
    else
        return err_new(ERR_INVALID, "InvalidServer",
                       "nameserver \"%.64s\": write an IP address, or ADDRESS:PORT", text);
    *ret_address = a;
    return NULL;
}

void dns_server_text(const union dns_address *a, char out[DNS_SERVER_TEXT_MAX])
{
    char host[DNS_ADDRESS_MAX] = "?";
    bool v6 = a->any.sa_family == AF_INET6;
    if (v6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
    else
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
    unsigned port = ntohs(v6 ? a->v6.sin6_port : a->v4.sin_port);
    snprintf(out, DNS_SERVER_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static void add_line(const char *line, size_t len, struct dns_servers *s)
{
    static const char keyword[] = "nameserver";
    size_t word = strcspn(line, " \t\n");
    if (word != strlen(keyword) || word >= len || strncmp(line, keyword, word) != 0 ||
        s->len == DNS_SERVERS_MAX)
        return;
    const char *value = line + word + strspn(line + word, " \t");
    auto_free char *text = x_strndup(value, strcspn(value, " \t\r\n"));
    AUTO_ERR e = dns_server_parse(text, &s->items[s->len]);
    s->len += e == NULL;
}

void dns_servers_from_resolv_conf(const char *text, struct dns_servers *ret_servers)
{
    *ret_servers = (struct dns_servers){0};
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        add_line(text, len, ret_servers);
        text += len + (text[len] == '\n');
    }
}
