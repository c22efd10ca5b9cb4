/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_ask.h"

#include "base/mem.h"
#include "base/str.h"

void dns_said_release(struct dns_said *s)
{
    err_free(s->failed);
    dns_answer_release(&s->answer);
    strlist_release(&s->nameservers);
    *s = (struct dns_said){0};
}

struct err *dns_ask(const struct dns_transport *t, const struct dns_ask *ask,
                    const struct stop *stop, struct dns_said *ret_said)
{
    char name[DNS_NAME_MAX + 1];
    if (!dns_name_copy(ask->name, name))
        return err_new(ERR_INVALID, "InvalidName", "\"%.64s\" is not a DNS name",
                       str_or(ask->name, ""));
    if (ask->server_count > DNS_ASK_SERVERS_MAX)
        return err_new(ERR_INVALID, "InvalidServer", "at most %d nameservers are asked at once",
                       DNS_ASK_SERVERS_MAX);
    TRY(t->ask(t->ctx, ask, stop, ret_said), "asking for %s %s", name, dns_type_str(ask->type));
    for (size_t i = 0; i < ask->server_count; i++)
        ret_said[i].failed = err_wrap(ret_said[i].failed, "%s", ask->servers[i]);
    return NULL;
}
