/* SPDX-License-Identifier: Apache-2.0 */
/* Can the value be seen? One look; whoever asks comes back later. */
#ifndef CERTROLL_DNS01_PROPAGATION_H
#define CERTROLL_DNS01_PROPAGATION_H

#include "dns01/persist.h"
#include "dns01/zone.h"

struct dns_look {
    const struct dns_config *config;
    const struct dns_place *place;
    const char *text;                       /* the value */
    const struct dns_persist_want *persist; /* or NULL: what the record has to allow instead */
    int64_t since;                          /* wall ns: when it was written */
};

/* NULL: the CA may be asked now. ERR_TRANSIENT, reason NotPropagated: which servers lack it ("2 of 4 servers: 192.0.2.1
 * has another value"), with retry_at when it is known (a wait, a negative answer's TTL at a resolver). A server that
 * does not answer counts as lacking it, unless another address of the same zone answers and that one has not for three
 * looks in a row. */
struct err *dns_look(const struct dns_finder *f, const struct dns_look *look) MUST_CHECK;

/* ns until look number tries (0 first): 100 ms, growing to 10 s. */
int64_t dns_look_delay(unsigned tries);

#endif
