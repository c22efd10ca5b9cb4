/* SPDX-License-Identifier: Apache-2.0 */
/* The dns01 member of a solver: which provider, with what, and how its work is looked at. */
#ifndef CERTROLL_DNS01_CONFIG_H
#define CERTROLL_DNS01_CONFIG_H

#include "dns01/provider.h"

enum dns_check_mode {
    DNS_CHECK_AUTHORITATIVE, /* each authoritative server has the value (default) */
    DNS_CHECK_RESOLVERS,     /* these resolvers have it */
    DNS_CHECK_HTTPS,         /* this resolver has it, asked over HTTPS (RFC 8484) */
    DNS_CHECK_WAIT,          /* so much time has passed */
    DNS_CHECK_NONE,
};

#define DNS_ACCOUNT_01 "dns-account-01" /* of challengeType */

struct dns_config {
    const struct dns_provider *provider;
    const void *provider_config; /* of provider->config; part of block */
    bool by_account;             /* dns-account-01: the name has a label of the account */
    bool follow;                 /* CNAMEs and DNAMEs lead to where the value goes */
    enum dns_check_mode mode;
    int64_t wait;                    /* ns, DNS_CHECK_WAIT */
    struct bind_strings nameservers; /* resolvers to ask for everything, instead of the system's */
    const char *url;                 /* https, DNS_CHECK_HTTPS */
    void *blocks[2];                 /* what the above points into */
};
void dns_config_release(struct dns_config *c);
#define AUTO_DNS_CONFIG AUTO(dns_config_release) struct dns_config

/* What is beside the provider's member in dns01: challengeType, cnameStrategy, selfCheck. */
extern const struct bind_table dns_common_table;

/* text is the JSON of solvers[].dns01, wait_instead the solver's waitInsteadOfSelfCheck or NULL. ERR_INVALID,
 * reason InvalidSolver: the field and what to write, for no provider or two, one that this version does not
 * know, and what its check() finds. */
struct err *dns_config_parse(const char *text, const char *wait_instead,
                             struct dns_config *ret_config) MUST_CHECK;

/* Do both look for a name's place by asking the same, so that one look is enough? */
bool dns_config_asks_alike(const struct dns_config *a, const struct dns_config *b);

/* Does that JSON ask for dns-account-01? false for what cannot be read. */
bool dns_config_is_by_account(const char *text);

/* The dnsPersist01 member: what the record is to say, and how it is looked for. */
struct dns_persist_config {
    bool wildcard;          /* policy=wildcard, whatever is asked for */
    int64_t until;          /* wall ns; 0 = none */
    const char *issuer;     /* one of the names of the CA, or NULL */
    struct dns_config look; /* without a provider */
};
extern const struct bind_table dns_persist_table;
void dns_persist_config_release(struct dns_persist_config *c);
/* As dns_config_parse(), of solvers[].dnsPersist01. */
struct err *dns_persist_config_parse(const char *text, const char *wait_instead,
                                     struct dns_persist_config *ret_config) MUST_CHECK;

/* Calls fn for each reference to a Secret that is written in the provider's member; field is its path there:
 * "tsigSecretSecretRef". The first error ends it and is returned. */
struct err *dns_config_secrets(const struct dns_config *c,
                               struct err *(*fn)(void *arg, const char *field,
                                                 const struct dns_secret_ref *ref),
                               void *arg) MUST_CHECK;

#endif
