/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic updates (RFC 2136) to the zone's primary: BIND, Knot, PowerDNS, Windows and others. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider.h"
#include "net/dns_update.h"
#include "pki/mac.h"

/* A CA's resolver that remembers the value of a name's last order would find that instead of the next one's. */
#define TTL 1
#define DNS_PORT "53"
#define PORT_MAX 65535
#define ADDRESSES_MAX 4 /* of a nameserver given by name */
#define KEY_FIELD "tsigSecretSecretRef"

struct rfc2136_config {
    const char *nameserver;
    const char *protocol;
    const char *key_name;
    struct dns_secret_ref secret;
    const char *algorithm;
};

static const char *const protocols[] = {"TCP", "UDP", NULL};

static const struct bind_field fields[] = {
    BIND_ROW(struct rfc2136_config, STRING, nameserver, "nameserver", .flags = BIND_REQUIRED),
    BIND_ROW(struct rfc2136_config, STRING, protocol, "protocol", .dflt = "UDP",
             .enumeration = protocols),
    BIND_ROW(struct rfc2136_config, STRING, key_name, "tsigKeyName"),
    BIND_ROW(struct rfc2136_config, OBJECT, secret, KEY_FIELD,
             .table = &dns_secret_ref_or_none_table),
    BIND_ROW(struct rfc2136_config, STRING, algorithm, "tsigAlgorithm", .dflt = "HMACMD5"),
};
static const struct bind_table table =
    BIND_TABLE("IssuerDNS01RFC2136", struct rfc2136_config, fields);

static const struct algorithm {
    const char *name;
    const char *wire; /* RFC 8945 section 6 */
    enum pki_hash hash;
} algorithms[] = {
    {"HMACMD5", "hmac-md5.sig-alg.reg.int", PKI_MD5}, {"HMACSHA1", "hmac-sha1", PKI_SHA1},
    {"HMACSHA224", "hmac-sha224", PKI_SHA224},        {"HMACSHA256", "hmac-sha256", PKI_SHA256},
    {"HMACSHA384", "hmac-sha384", PKI_SHA384},        {"HMACSHA512", "hmac-sha512", PKI_SHA512},
};

static const struct algorithm *algorithm_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (strcasecmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

/* ---- the nameserver ---- */

struct server {
    char host[DNS_NAME_MAX + 2]; /* a name, or an address without brackets */
    int64_t port;
    bool is_address;
};

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT, or an IPv6 address as it is. */
static bool split(const char *text, struct server *s, const char **ret_port)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool bracketed = *text == '[';
    const char *host = text + bracketed;
    size_t len = strcspn(host, bracketed ? "]" : ":");
    if (inet_pton(AF_INET6, text, address) == 1)
        len = strlen(text);
    const char *rest = host + len;
    if (len == 0 || len >= sizeof(s->host) || (bracketed && *rest != ']'))
        return false;
    rest += bracketed;
    if (*rest != '\0' && *rest != ':')
        return false;
    memcpy(s->host, host, len);
    bool is_v6 = inet_pton(AF_INET6, s->host, address) == 1;
    s->is_address = is_v6 || inet_pton(AF_INET, s->host, address) == 1;
    *ret_port = *rest == ':' ? rest + 1 : DNS_PORT;
    return is_v6 || !bracketed;
}

static struct err *parse_server(const char *text, struct server *ret_server)
{
    struct server s = {0};
    const char *port = NULL;
    char name[DNS_NAME_MAX + 1];
    bool sane = split(text, &s, &port) && (s.is_address || dns_name_copy(s.host, name));
    AUTO_ERR e = sane ? str_to_i64(port, 1, PORT_MAX, &s.port) : NULL;
    if (!sane || e != NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "nameserver \"%.64s\": write the zone's primary server as HOST or "
                       "HOST:PORT, an IPv6 address in brackets",
                       text);
    *ret_server = s;
    return NULL;
}

static char *address_text(const struct server *s, const char *address)
{
    if (strchr(address, ':') != NULL)
        return x_printf("[%s]:%d", address, (int)s->port);
    return x_printf("%s:%d", address, (int)s->port);
}

static struct err *look_up(const struct dns_env *env, const struct server *s, enum dns_type type,
                           struct strlist *addresses)
{
    const struct dns_question q = {.name = s->host, .type = type};
    AUTO_DNS_ANSWER answer = {0};
    TRY(dns_query(env->dns, &q, env->stop, &answer));
    for (size_t i = 0; i < answer.count && addresses->len < ADDRESSES_MAX; i++) {
        char address[DNS_ADDRESS_MAX];
        if (dns_address_text(&answer.records[i], address))
            strlist_add_take(addresses, address_text(s, address));
    }
    return NULL;
}

static struct err *find_addresses(const struct dns_env *env, const char *nameserver,
                                  struct strlist *addresses)
{
    struct server s;
    TRY(parse_server(nameserver, &s));
    if (s.is_address) {
        strlist_add_take(addresses, address_text(&s, s.host));
        return NULL;
    }
    TRY(look_up(env, &s, DNS_A, addresses), "nameserver");
    TRY(look_up(env, &s, DNS_AAAA, addresses), "nameserver");
    if (addresses->len == 0)
        return err_new(ERR_TRANSIENT, "DNSFailed",
                       "nameserver %s has no address: correct its name, or write an address",
                       s.host);
    return NULL;
}

/* ---- the key ---- */

struct key {
    const struct algorithm *algorithm;
    struct secret bytes;
};

static void key_release(struct key *k)
{
    secret_release(&k->bytes);
}

static void sign(void *ctx, const void *data, size_t len, unsigned char out[DNS_MAC_MAX],
                 size_t *ret_len)
{
    const struct key *k = ctx;
    *ret_len = pki_hash_size(k->algorithm->hash);
    memset(out, 0, *ret_len);
    /* read_key() has seen that OpenSSL can do it. */
    err_drop(pki_hmac(k->algorithm->hash, (struct pki_bytes){k->bytes.data, k->bytes.len},
                      (struct pki_bytes){data, len}, out));
}

/* BIND's tools write base64, and people wrap it. */
static struct err *decode_key(const struct secret *text, struct secret *ret_bytes)
{
    AUTO(secret_release) struct secret packed = secret_copy(text->data, text->len);
    size_t len = 0;
    for (size_t i = 0; i < packed.len; i++)
        if (!isspace((unsigned char)packed.data[i]))
            packed.data[len++] = packed.data[i];
    char *bytes = NULL;
    size_t bytes_len = 0;
    AUTO_ERR e = base64_decode(packed.data, len, &bytes, &bytes_len);
    bool usable = e == NULL && bytes_len > 0;
    if (usable)
        *ret_bytes = secret_copy(bytes, bytes_len);
    x_wipe_free(bytes, bytes_len);
    return usable ? NULL
                  : err_new(ERR_INVALID, "InvalidSecret",
                            KEY_FIELD ": write the key in base64, as tsig-keygen prints it");
}

static struct err *read_key(const struct dns_env *env, const struct rfc2136_config *c,
                            struct key *ret_key)
{
    AUTO(secret_release) struct secret text = {0};
    AUTO(key_release) struct key k = {.algorithm = algorithm_of(c->algorithm)};
    TRY(env->secret(env, &c->secret, KEY_FIELD, &text));
    TRY(decode_key(&text, &k.bytes));
    unsigned char mac[PKI_HASH_MAX];
    TRY(pki_hmac(k.algorithm->hash, (struct pki_bytes){k.bytes.data, k.bytes.len},
                 (struct pki_bytes){"", 0}, mac),
        "tsigAlgorithm");
    *ret_key = k;
    k.bytes = (struct secret){0};
    return NULL;
}

/* ---- the provider ---- */

static struct err *check(const void *config)
{
    const struct rfc2136_config *c = config;
    struct server s;
    TRY(parse_server(c->nameserver, &s));
    if (algorithm_of(c->algorithm) == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "tsigAlgorithm \"%.32s\": write HMACSHA256 or HMACMD5, HMACSHA1, "
                       "HMACSHA224, HMACSHA384 or HMACSHA512",
                       c->algorithm);
    if (str_empty(c->key_name) != str_empty(c->secret.name))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "write both of tsigKeyName and " KEY_FIELD ", or none for unsigned updates");
    return NULL;
}

static struct err *update(const struct dns_env *env, const struct rfc2136_config *c,
                          const struct dns_update *what)
{
    struct dns_update u = *what;
    AUTO(key_release) struct key k = {0};
    AUTO(strlist_release) struct strlist addresses = {0};
    struct dns_tsig tsig = {.key_name = c->key_name, .mac = sign, .ctx = &k};
    if (!str_empty(c->key_name)) {
        TRY(read_key(env, c, &k));
        tsig.algorithm = k.algorithm->wire;
        u.tsig = &tsig;
    }
    TRY(find_addresses(env, c->nameserver, &addresses));
    u.tcp = str_eq(c->protocol, "TCP");
    u.ttl = TTL;
    u.flags = DNS_GUARDED;
    struct err *e = NULL;
    for (size_t i = 0; i < addresses.len; i++) {
        err_free(e);
        u.server = addresses.items[i];
        e = dns_update(env->dns, env->clock, env->rng, &u, env->stop);
        if (!err_is(e, ERR_TRANSIENT))
            break;
    }
    bool gone = u.remove && err_is(e, ERR_NOT_FOUND);
    return gone ? err_ignore(e, ERR_NOT_FOUND) : e;
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    const struct dns_update u = {.zone = v->zone, .name = v->name, .text = v->text};
    TRY(update(env, config, &u));
    *ret_id = NULL;
    return NULL;
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    const struct dns_update u = {.zone = v->zone, .name = v->name, .text = v->text, .remove = true};
    return update(env, config, &u);
}

const struct dns_provider dns_provider_rfc2136 = {
    .name = "rfc2136",
    .config = &table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
