/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_update.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/dns_update_wire.h"
#include "net/dns_wire.h"

/* RFC 1035 section 4.1.1, RFC 2136 section 2.2. */
enum { NOERROR = 0, NOTIMP = 4, REFUSED = 5, NOTAUTH = 9, NOTZONE = 10 };

/* How far they are apart, not what time it is: the same is said at each try, so it is written once. */
static struct err *bad_time(const struct dns_update_reply *r, int64_t now)
{
    int64_t told = r->server_time != 0 ? r->server_time : r->signed_at;
    if (r->signature != DNS_SIGNED)
        return err_new(ERR_DENIED, "BadTime",
                       "the clocks differ (BADTIME): set both by a time server");
    int64_t ahead = told - now / NS_PER_SEC;
    int64_t minutes = ((ahead < 0 ? -ahead : ahead) + 30) / 60;
    return err_new(ERR_DENIED, "BadTime",
                   "the server's clock is %" PRId64 " minutes %s ours (BADTIME): set both by a "
                   "time server",
                   minutes, ahead < 0 ? "behind" : "ahead of");
}

/* What the server's TSIG record says; NULL when it has nothing against ours. */
static struct err *judge_signature(const struct dns_update *u, const struct dns_update_reply *r,
                                   int64_t now)
{
    switch (r->tsig_error) {
    case NOERROR:
        break;
    case DNS_TSIG_BADSIG:
        return err_new(ERR_DENIED, "BadSignature",
                       "the server finds our signature wrong (BADSIG): the secret is not the one "
                       "that it has for this key");
    case DNS_TSIG_BADKEY:
        return err_new(ERR_DENIED, "BadKey",
                       "the server does not accept this key with %s (BADKEY): compare the key's "
                       "name, algorithm and rights with the server's configuration",
                       u->tsig == NULL ? "no algorithm" : u->tsig->algorithm);
    case DNS_TSIG_BADTIME:
        return bad_time(r, now);
    default:
        return err_new(ERR_DENIED, "NotAuthorized", "the server refuses the signature (error %u)",
                       r->tsig_error);
    }
    if (r->signature == DNS_MISSIGNED)
        return err_new(ERR_DENIED, "BadSignature",
                       "the answer's signature is wrong: somebody else answers for the server, or "
                       "its secret for this key is another one");
    if (r->signature == DNS_UNSIGNED && u->tsig != NULL && r->rcode == NOERROR)
        return err_new(ERR_DENIED, "BadSignature",
                       "the answer is not signed: it may not come from the server");
    int64_t apart = r->signed_at - now / NS_PER_SEC;
    if (r->signature == DNS_SIGNED && (apart > DNS_TSIG_FUDGE || apart < -DNS_TSIG_FUDGE))
        return bad_time(r, now);
    return NULL;
}

static struct err *judge(const struct dns_update *u, const struct dns_update_reply *r, int64_t now)
{
    TRY(judge_signature(u, r, now));
    switch (r->rcode) {
    case NOERROR:
        return NULL;
    case REFUSED:
        return err_new(ERR_DENIED, "Refused",
                       "answered REFUSED: allow %s to change TXT records of %s there",
                       u->tsig == NULL ? "updates without a key" : "the key", u->name);
    case NOTAUTH:
        /* BIND says so of zones that it does not have, Knot also of updates that need a key, or, since 3.4 and without
         * TSIG, another key: that must not pass for a zone that is gone and so is clean. */
        if (u->tsig == NULL)
            return err_new(ERR_DENIED, "NotAuthorized",
                           "answered NOTAUTH: the server is not the primary of the zone, or takes "
                           "no updates without a key");
        if (r->signature != DNS_SIGNED)
            return err_new(
                ERR_DENIED, "NotAuthorized",
                "answered NOTAUTH, not signed: the server is not the primary of the zone, or does "
                "not accept this key with %s for this name",
                u->tsig->algorithm);
        return err_new(ERR_NOT_FOUND, "ZoneNotFound",
                       "answered NOTAUTH: the server is not the primary of the zone: let the "
                       "solver's nameserver be that");
    case NOTZONE:
        return err_new(ERR_NOT_FOUND, "NotZone",
                       "answered NOTZONE: %s is not in the zone: let selfCheck ask nameservers "
                       "that see the zones as this server does",
                       u->name);
    case NOTIMP:
        return err_new(ERR_TRANSIENT, "DNSFailed",
                       "answered NOTIMP: the server takes no dynamic updates");
    default:
        return err_new(ERR_TRANSIENT, "DNSFailed", "answered %s: look into the server's log",
                       dns_rcode_str(r->rcode));
    }
}

static struct err *unheard(struct err *e)
{
    if (e == NULL || !str_eq(e->reason, "Timeout"))
        return e;
    AUTO_ERR silence = e;
    return err_new(ERR_TRANSIENT, "Timeout",
                   "%s: look at its port, and for a firewall between; where UDP is held back, "
                   "write protocol: TCP",
                   silence->message);
}

static struct err *send_update(const struct dns_transport *t, const struct dns_update *u,
                               const struct dns_update_message *m, const struct stop *stop,
                               struct dns_update_reply *ret_reply)
{
    const struct dns_message message = {.server = u->server,
                                        .data = m->data,
                                        .len = m->len,
                                        .tcp = u->tcp,
                                        .timeout = u->timeout,
                                        .flags = u->flags};
    AUTO(buf_release) struct buf reply = BUF_INIT(0);
    TRY(unheard(t->exchange(t->ctx, &message, stop, &reply)));
    if (!dns_update_read(m, (const unsigned char *)buf_str(&reply), reply.len, ret_reply))
        return err_new(ERR_TRANSIENT, "DNSFailed", "the answer is malformed");
    return NULL;
}

struct err *dns_update(const struct dns_transport *t, const struct clock *clock,
                       const struct rng *rng, const struct dns_update *u, const struct stop *stop)
{
    struct dns_update_message m;
    struct dns_update_reply r;
    struct err *e = dns_update_build(u, (uint16_t)rng_below(rng, 1 << 16), clock_wall(clock), &m);
    if (e == NULL)
        e = send_update(t, u, &m, stop, &r);
    if (e == NULL)
        e = judge(u, &r, clock_wall(clock));
    if (u->tsig == NULL)
        return err_wrap(e, "update of zone %s at %s", str_or(u->zone, ""), u->server);
    return err_wrap(e, "update of zone %s at %s with key %s", str_or(u->zone, ""), u->server,
                    str_or(u->tsig->key_name, ""));
}
