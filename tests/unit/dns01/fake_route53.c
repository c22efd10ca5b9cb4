/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_route53.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "dns01/provider_xml.h"
#include "fake_front.h"

#define NS "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\""
#define HEAD "<?xml version=\"1.0\"?>\n"
#define HASH 32
#define ZONES_SAID 2 /* of a page */

static const struct fake_secret secrets[] = {
    {"aws", "secret-access-key", FAKE_AWS_SECRET},
    {"aws", "access-key-id", FAKE_AWS_KEY},
    {NULL, NULL, NULL},
};

/* Keys that are good: the account's own, then what STS lends. */
static struct {
    char id[32], secret[48], session[64];
} lent;
static unsigned lent_count, change_count;
static const char *rival;
static bool insync, expired, is_node;

/* ---- signatures (the AWS reference's own words: canonical request, string to sign, signing key) ---- */

static void hex(const unsigned char *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void sha256_hex(const void *data, size_t len, char out[2 * HASH + 1])
{
    unsigned char sum[HASH];
    EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL);
    hex(sum, HASH, out);
}

static void mac(unsigned char key[64], int key_len, const char *text)
{
    unsigned char sum[HASH];
    HMAC(EVP_sha256(), key, key_len, (const unsigned char *)text, strlen(text), sum, NULL);
    memcpy(key, sum, HASH);
}

/* "name:value\n" for each of the signed headers. */
static void add_signed_headers(struct buf *b, const struct http_request *req, const char *names,
                               const char *host)
{
    while (*names != '\0') {
        size_t len = strcspn(names, ";");
        auto_free char *name = x_strndup(names, len);
        const char *value = str_eq(name, "host") ? host : front_header(req, name);
        buf_putf(b, "%s:%s\n", name, str_or(value, "(not sent)"));
        names += len + (names[len] == ';');
    }
}

/* The part of text between two others: owned, "" when they are not there. */
static char *between(const char *text, const char *from, const char *to)
{
    const char *start = text != NULL ? strstr(text, from) : NULL;
    if (start == NULL)
        return x_strdup("");
    start += strlen(from);
    const char *end = *to != '\0' ? strstr(start, to) : start + strlen(start);
    return end != NULL ? x_strndup(start, (size_t)(end - start)) : x_strdup("");
}

static void canonical_hash(const struct http_request *req, const char *names, char out[65])
{
    struct buf b = BUF_INIT(65536);
    const char *host = strstr(req->url, "://") + 3;
    size_t host_len = strcspn(host, "/");
    auto_free char *host_text = x_strndup(host, host_len);
    const char *path = host + host_len;
    size_t path_len = strcspn(path, "?");
    char body[65];
    sha256_hex(req->body_len > 0 ? req->body : "", req->body_len, body);
    buf_putf(&b, "%s\n%.*s\n%s\n", req->method, (int)path_len, path,
             path[path_len] == '?' ? path + path_len + 1 : "");
    add_signed_headers(&b, req, names, host_text);
    buf_putf(&b, "\n%s\n%s", names, body);
    sha256_hex(b.data, b.len, out);
    buf_release(&b);
}

static bool signed_by(const struct http_request *req, const char *id, const char *secret)
{
    const char *header = front_header(req, "Authorization");
    const char *date = str_or(front_header(req, "X-Amz-Date"), "");
    auto_free char *scope = between(header, "Credential=", ", ");
    auto_free char *names = between(header, "SignedHeaders=", ", ");
    auto_free char *signature = between(header, "Signature=", "");
    auto_free char *who = x_printf("%s/", id);
    if (!str_starts(scope, who) || strstr(names, "host") == NULL ||
        strstr(names, "x-amz-date") == NULL ||
        (front_header(req, "X-Amz-Security-Token") != NULL &&
         strstr(names, "x-amz-security-token") == NULL))
        return false;
    char hash[65], computed[65];
    canonical_hash(req, names, hash);
    const char *rest = scope + strlen(who); /* "20260101/us-east-1/route53/aws4_request" */
    auto_free char *text = x_printf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, rest, hash);
    unsigned char key[64];
    int len = snprintf((char *)key, sizeof(key), "AWS4%s", secret);
    for (const char *part = rest; *part != '\0';) {
        size_t part_len = strcspn(part, "/");
        auto_free char *one = x_strndup(part, part_len);
        mac(key, len, one);
        len = HASH;
        part += part_len + (part[part_len] == '/');
    }
    mac(key, len, text);
    hex(key, HASH, computed);
    return str_eq(computed, signature);
}

static bool is_lent(const struct http_request *req)
{
    return lent.id[0] != '\0' && !expired &&
           str_eq(front_header(req, "X-Amz-Security-Token"), lent.session) &&
           signed_by(req, lent.id, lent.secret);
}

/* ---- STS ---- */

static void say_sts_error(struct http_response *ret, int status, const char *code)
{
    auto_free char *text = x_printf(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
        "</Type><Code>%s</Code><Message>said by STS</Message></Error></ErrorResponse>",
        code);
    front_say_text(ret, status, text);
}

static void make_lent(char until[RFC3339_MAX])
{
    lent_count++;
    snprintf(lent.id, sizeof(lent.id), "ASIAIOSFODNN%u", lent_count);
    snprintf(lent.secret, sizeof(lent.secret), "lent/secret+%u", lent_count);
    snprintf(lent.session, sizeof(lent.session), "session/token+%u==", lent_count);
    expired = false;
    rfc3339_format(CONTRACT_NOW + lent_count * NS_PER_HOUR, until);
}

static void lend(struct http_response *ret)
{
    char until[RFC3339_MAX];
    make_lent(until);
    auto_free char *text = x_printf(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
        "<AssumedRoleUser><Arn>x</Arn></AssumedRoleUser><Credentials>"
        "<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>"
        "<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>"
        "</AssumeRoleResult></AssumeRoleResponse>",
        lent.id, lent.secret, lent.session, until);
    front_say_text(ret, 200, text);
}

/* ---- pods and nodes (the SDKs' reference: container credential provider, IMDS credential provider) ---- */

#define METADATA "http://169.254.169.254/latest/"
#define METADATA_TOKEN "AQAAANode-token=="

static void lend_to_machine(struct http_response *ret)
{
    char until[RFC3339_MAX];
    make_lent(until);
    front_say(ret, 200,
              json_build("{s:s,s:s,s:s,s:s,s:s}", "Code", "Success", "AccessKeyId", lent.id,
                         "SecretAccessKey", lent.secret, "Token", lent.session, "Expiration",
                         until));
}

static void answer_node(const struct http_request *req, struct http_response *ret)
{
    const char *path = req->url + strlen(METADATA);
    bool known = str_eq(front_header(req, "X-aws-ec2-metadata-token"), METADATA_TOKEN);
    if (!is_node)
        front_say_text(ret, 404, "");
    else if (str_eq(path, "api/token") && str_eq(req->method, "PUT") &&
             front_header(req, "X-aws-ec2-metadata-token-ttl-seconds") != NULL)
        front_say_text(ret, 200, METADATA_TOKEN);
    else if (!known || !str_eq(req->method, "GET"))
        front_say_text(ret, 401, "");
    else if (str_eq(path, "meta-data/iam/security-credentials/"))
        front_say_text(ret, 200, "node role\n");
    else if (str_eq(path, "meta-data/iam/security-credentials/node%20role"))
        lend_to_machine(ret);
    else
        front_say_text(ret, 404, "");
}

/* Link-local: what is guarded would not get there. */
static bool answer_machine(struct fake_cloud *c, const struct http_request *req,
                           struct http_response *ret)
{
    bool pod = str_eq(req->url, FAKE_AWS_POD);
    if (!pod && !str_starts(req->url, METADATA))
        return false;
    if ((req->flags & HTTP_GUARDED) != 0 || (req->flags & HTTP_SECRET) == 0)
        fake_wrong(c, "%s is asked with flags %u", req->url, req->flags);
    if (!pod)
        answer_node(req, ret);
    else if (str_eq(front_header(req, "Authorization"), FAKE_AWS_TOKEN))
        lend_to_machine(ret);
    else
        front_say_text(ret, 401, "");
    return true;
}

static bool answer_sts(struct fake_cloud *c, const struct http_request *req,
                       struct http_response *ret)
{
    if (!str_starts(req->url, "https://sts."))
        return answer_machine(c, req, ret);
    auto_free char *action = front_form(req, "Action");
    auto_free char *role = front_form(req, "RoleArn");
    auto_free char *session = front_form(req, "RoleSessionName");
    auto_free char *token = front_form(req, "WebIdentityToken");
    auto_free char *version = front_form(req, "Version");
    bool web = str_eq(action, "AssumeRoleWithWebIdentity");
    if (!str_eq(req->url, "https://sts.eu-central-1.amazonaws.com/") ||
        !str_eq(version, "2011-06-15") || str_empty(session) ||
        !str_eq(front_header(req, "Content-Type"), "application/x-www-form-urlencoded"))
        fake_wrong(c, "POST %s is no request of STS", req->url);
    if (c->revoked || !str_eq(role, FAKE_AWS_ROLE))
        say_sts_error(ret, 403, "AccessDenied");
    else if (web ? !str_eq(token, FAKE_AWS_TOKEN) : !signed_by(req, FAKE_AWS_KEY, FAKE_AWS_SECRET))
        say_sts_error(ret, web ? 400 : 403, web ? "InvalidIdentityToken" : "SignatureDoesNotMatch");
    else
        lend(ret);
    return true;
}

/* ---- answers ---- */

static json_t *error_xml(const char *code, const char *message)
{
    return front_xml(x_printf(HEAD "<ErrorResponse " NS "><Error><Type>Sender</Type><Code>%s</Code>"
                                   "<Message>%s</Message></Error><RequestId>1</RequestId>"
                                   "</ErrorResponse>",
                              code, message));
}

static json_t *refusal(int status)
{
    if (status == 400)
        return error_xml("Throttling", "Rate exceeded");
    return error_xml(status == 429 ? "ThrottlingException" : "ServiceUnavailable", "said by AWS");
}

static void refuse(struct fake_cloud *c, int status, const char *code)
{
    fake_say(c, status, error_xml(code, "said by AWS"));
}

static void refuse_batch(struct fake_cloud *c, const char *message)
{
    fake_say(c, 400,
             front_xml(x_printf(HEAD "<InvalidChangeBatch " NS "><Messages><Message>%s"
                                     "</Message></Messages></InvalidChangeBatch>",
                                message)));
}

/* "com.example.www." for "www.example.com": zones and record sets are sorted by that. */
static void reversed(const char *name, char out[512])
{
    *out = '\0';
    size_t len = strlen(name) - str_ends(name, ".");
    while (len > 0) {
        size_t start = len;
        while (start > 0 && name[start - 1] != '.')
            start--;
        size_t at = strlen(out);
        snprintf(out + at, 512 - at, "%.*s.", (int)(len - start), name + start);
        len = start > 0 ? start - 1 : 0;
    }
}

static int compare(const char *name, const char *id, const char *other, const char *other_id)
{
    char a[512], b[512];
    reversed(name, a);
    reversed(other, b);
    int order = strcmp(a, b);
    return order != 0 ? order : strcmp(str_or(id, ""), str_or(other_id, ""));
}

/* ---- zones ---- */

/* The first zone after (or at, with equal) that name and id. */
static const struct fake_zone *zone_after(const struct fake_cloud *c, const char *name,
                                          const char *id, bool equal)
{
    const struct fake_zone *best = NULL;
    for (size_t i = 0; i < c->zone_count; i++) {
        const struct fake_zone *z = &c->zones[i];
        int order = compare(z->name, z->id, name, id);
        if ((order > 0 || (equal && order == 0)) &&
            (best == NULL || compare(z->name, z->id, best->name, best->id) < 0))
            best = z;
    }
    return best;
}

static void list_zones(struct fake_cloud *c, const struct fake_call *call)
{
    static const char *const known[] = {"dnsname", "hostedzoneid", "maxitems", NULL};
    auto_free char *name = fake_query(call, "dnsname");
    auto_free char *id = fake_query(call, "hostedzoneid");
    if (fake_query_has_others(call, known) || str_empty(name)) {
        refuse(c, 400, "InvalidInput");
        return;
    }
    struct buf b = BUF_INIT(65536);
    buf_puts(&b, HEAD "<ListHostedZonesByNameResponse " NS "><HostedZones>");
    const struct fake_zone *z = zone_after(c, name, id, true);
    for (unsigned i = 0; i < ZONES_SAID && z != NULL; i++) {
        buf_putf(&b,
                 "<HostedZone><Id>/hostedzone/%s</Id><Name>%s.</Name><CallerReference>x"
                 "</CallerReference><Config><PrivateZone>%s</PrivateZone></Config></HostedZone>",
                 z->id, z->name, str_starts(z->id, "PRIV") ? "true" : "false");
        z = zone_after(c, z->name, z->id, false);
    }
    buf_putf(&b, "</HostedZones><DNSName>%s</DNSName><IsTruncated>%s</IsTruncated>", name,
             z != NULL ? "true" : "false");
    if (z != NULL)
        buf_putf(&b, "<NextDNSName>%s.</NextDNSName><NextHostedZoneId>%s</NextHostedZoneId>",
                 z->name, z->id);
    buf_puts(&b, "<MaxItems>2</MaxItems></ListHostedZonesByNameResponse>");
    fake_say(c, 200, front_xml(buf_take(&b)));
}

/* ---- record sets ---- */

static void add_set(struct buf *b, const struct fake_cloud *c, const struct fake_record *first)
{
    bool routed = false;
    buf_putf(b, "<ResourceRecordSet><Name>%s.</Name><Type>TXT</Type><TTL>%d</TTL><ResourceRecords>",
             first->name, (int)first->ttl);
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != first->zone || !str_eq(r->name, first->name))
            continue;
        routed |= str_eq(r->text, "routed");
        /* As XML may be written, too. */
        buf_putf(b, "<ResourceRecord><Value>&quot;%s&#34;</Value></ResourceRecord>", r->text);
    }
    buf_putf(b, "</ResourceRecords>%s</ResourceRecordSet>",
             routed ? "<SetIdentifier>a</SetIdentifier><Weight>1</Weight>" : "");
}

/* One set: that of the name, or the next one. */
static void list_records(struct fake_cloud *c, const struct fake_call *call,
                         const struct fake_zone *zone)
{
    static const char *const known[] = {"name", "type", "maxitems", "identifier", NULL};
    auto_free char *name = fake_query(call, "name");
    auto_free char *type = fake_query(call, "type");
    if (fake_query_has_others(call, known) || str_empty(name) || !str_eq(type, "TXT")) {
        refuse(c, 400, "InvalidInput");
        return;
    }
    const struct fake_record *best = NULL;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone == zone && compare(r->name, NULL, name, NULL) >= 0 &&
            (best == NULL || compare(r->name, NULL, best->name, NULL) < 0))
            best = r;
    }
    struct buf b = BUF_INIT(65536);
    buf_puts(&b, HEAD "<ListResourceRecordSetsResponse " NS "><ResourceRecordSets>");
    if (best != NULL)
        add_set(&b, c, best);
    buf_puts(&b, "</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems>"
                 "</ListResourceRecordSetsResponse>");
    fake_say(c, 200, front_xml(buf_take(&b)));
}

struct change {
    bool create;
    char *name, *ttl;
    struct strlist texts; /* without quotes */
};

static void change_release(struct change *ch)
{
    free(ch->name);
    free(ch->ttl);
    strlist_release(&ch->texts);
}

/* False: it is not as the API's schema has it. */
static bool read_change(const struct xml *in, struct change *ch)
{
    auto_free char *action = xml_text(in, "Action", 16);
    auto_free char *type = xml_text(in, "Type", 16);
    struct xml rest = *in, value;
    ch->name = xml_text(in, "Name", 512);
    ch->ttl = xml_text(in, "TTL", 16);
    ch->create = str_eq(action, "CREATE");
    while (xml_next(&rest, "Value", &value)) {
        char *text = xml_content(&value, 512);
        size_t len = text != NULL ? strlen(text) : 0;
        if (len < 3 || text[0] != '"' || text[len - 1] != '"') {
            free(text);
            return false;
        }
        memmove(text, text + 1, len - 2);
        text[len - 2] = '\0';
        strlist_add_take(&ch->texts, text);
    }
    return (ch->create || str_eq(action, "DELETE")) && str_eq(type, "TXT") && ch->ttl != NULL &&
           str_ends(ch->name, ".") && ch->texts.len > 0;
}

static void records_of(const struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                       struct strlist *texts, int64_t *ttl)
{
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone == zone && str_eq(r->name, name)) {
            strlist_add(texts, r->text);
            *ttl = r->ttl;
        }
    }
}

/* Whether the change fits what is there; carried out when it does. */
static bool carry_out(struct fake_cloud *c, const struct fake_zone *zone, struct change *ch)
{
    AUTO(strlist_release) struct strlist now = {0};
    const int64_t wanted = strtoll(ch->ttl, NULL, 10);
    int64_t ttl = 0;
    auto_free char *name = x_strndup(ch->name, strlen(ch->name) - 1);
    records_of(c, zone, name, &now, &ttl);
    strlist_sort(&now);
    strlist_sort(&ch->texts);
    if (ch->create ? now.len > 0 : (!strlist_equal(&now, &ch->texts) || ttl != wanted))
        return false;
    for (size_t i = 0; i < ch->texts.len; i++) {
        if (ch->create)
            fake_record_add(c, zone, name, ch->texts.items[i])->ttl = wanted;
        else
            fake_record_drop(c, fake_record_with(c, zone, name, ch->texts.items[i]));
    }
    return true;
}

static void add_rival(struct fake_cloud *c, const struct fake_zone *zone, const struct change *ch)
{
    auto_free char *name = x_strndup(ch->name, strlen(ch->name) - 1);
    const struct fake_record *first = fake_record_with(c, zone, name, NULL);
    int64_t ttl = first != NULL ? first->ttl : 30;
    fake_record_add(c, zone, name, rival)->ttl = ttl;
    rival = NULL;
}

/* A batch is a DELETE, a CREATE, or one after the other; whether it fits shows with its first change. */
static void change_records(struct fake_cloud *c, const struct fake_call *call,
                           const struct fake_zone *zone)
{
    struct xml rest = {call->req->body, call->req->body_len}, in;
    unsigned done = 0;
    if (!str_eq(fake_header(call, "Content-Type"), "application/xml"))
        fake_wrong(c, "a change is sent as %s", fake_header(call, "Content-Type"));
    while (xml_next(&rest, "Change", &in)) {
        AUTO(change_release) struct change ch = {0};
        if (!read_change(&in, &ch)) {
            refuse(c, 400, "InvalidInput");
            return;
        }
        if (rival != NULL)
            add_rival(c, zone, &ch);
        if (strlist_has(&ch.texts, "full")) {
            refuse_batch(c, "Cannot have more than 100 records in a RRSet.");
            return;
        }
        if (!carry_out(c, zone, &ch)) {
            if (done > 0)
                fake_wrong(c, "the second change of a batch does not fit");
            refuse_batch(c, "said by AWS");
            return;
        }
        done++;
    }
    insync = false;
    fake_say(c, 200,
             front_xml(x_printf(HEAD "<ChangeResourceRecordSetsResponse " NS "><ChangeInfo>"
                                     "<Id>/change/C%u</Id><Status>PENDING</Status></ChangeInfo>"
                                     "</ChangeResourceRecordSetsResponse>",
                                ++change_count)));
}

static void say_change(struct fake_cloud *c, const char *id)
{
    fake_say(c, 200,
             front_xml(x_printf(HEAD "<GetChangeResponse " NS "><ChangeInfo><Id>/change/%s</Id>"
                                     "<Status>%s</Status></ChangeInfo></GetChangeResponse>",
                                id, insync ? "INSYNC" : "PENDING")));
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    bool known = lent.id[0] != '\0' ? is_lent(call->req)
                                    : signed_by(call->req, FAKE_AWS_KEY, FAKE_AWS_SECRET);
    if (c->revoked || !known) {
        refuse(c, 403, expired ? "ExpiredToken" : "SignatureDoesNotMatch");
        return;
    }
    if (fake_path(call, "GET", "/hostedzonesbyname")) {
        list_zones(c, call);
        return;
    }
    if (fake_path(call, "GET", "/change/*")) {
        say_change(c, call->parts[0]);
        return;
    }
    bool list = fake_path(call, "GET", "/hostedzone/*/rrset");
    bool change = !list && fake_path(call, "POST", "/hostedzone/*/rrset");
    const struct fake_zone *zone = fake_zone_of(c, call->parts[0]);
    if (!(list || change) || zone == NULL)
        refuse(c, 404, list || change ? "NoSuchHostedZone" : "UnknownOperationException");
    else if (list)
        list_records(c, call, zone);
    else
        change_records(c, call, zone);
}

static const struct fake_dialect dialect = {
    .base = "https://route53.amazonaws.com/2013-04-01",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = ZONES_SAID,
    .unsettled = true,
};

static void settle(void *state)
{
    (void)state;
    insync = true;
}

void fake_route53_open(struct provider_fake *f)
{
    memset(&lent, 0, sizeof(lent));
    lent_count = change_count = 0;
    rival = NULL;
    insync = expired = is_node = false;
    fake_cloud_open(f, &dialect);
    fake_front_open(f, answer_sts);
    f->settle = settle;
    f->token = FAKE_AWS_TOKEN;
}

void fake_route53_be_node(void)
{
    is_node = true;
}

void fake_route53_rival(const char *value)
{
    rival = value;
}

void fake_route53_expire(void)
{
    expired = true;
}
