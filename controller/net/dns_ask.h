/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question put to named servers without recursion: what they themselves know, as a CA's resolver would come to
 * hear it. All are asked at once, over UDP and again over TCP where an answer does not fit.
 */
#ifndef CERTROLL_NET_DNS_ASK_H
#define CERTROLL_NET_DNS_ASK_H

#include "base/list.h"
#include "net/dns.h"

#define DNS_ASK_SERVERS_MAX 32

/* All borrowed. */
struct dns_ask {
    const char *name; /* absolute, A-labels */
    enum dns_type type;
    const char *const
        *servers; /* "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT"; at most DNS_ASK_SERVERS_MAX */
    size_t server_count;
    int64_t timeout; /* ns for all of them together; 0 = 3 s */
    unsigned flags;  /* enum dns_flag */
};

/* What one server said. */
struct dns_said {
    struct err *failed; /* owned: why it said nothing; then nothing else counts */
    bool authoritative; /* the AA bit */
    /* Records at the end of the CNAMEs that it knows (those made of a DNAME too); without any, answer.name
     * tells where they lead when it is not the question's. */
    struct dns_answer answer;
    char zone[DNS_NAME_MAX +
              1]; /* owner of the SOA beside an absence, or of the NS of a referral; "" = none */
    struct strlist nameservers; /* of a referral: names, lower case; at most DNS_ASK_SERVERS_MAX */
};
void dns_said_release(struct dns_said *s);

/* Any thread. ret_said has room for server_count, in the order of servers; to be released one by one. An error
 * is ERR_CANCELLED or ERR_INVALID (InvalidName, InvalidServer). Blocks for the timeout at most. */
struct err *dns_ask(const struct dns_transport *t, const struct dns_ask *ask,
                    const struct stop *stop, struct dns_said *ret_said) MUST_CHECK;

#endif
