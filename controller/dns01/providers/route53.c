/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon Route 53, API version 2013-04-01. A record set is changed as a whole, and not conditionally: what was read is
 * deleted and what it shall be is created in one change, which the API refuses when the set is no longer what was
 * read. So no value of somebody else is lost.
 */
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_aws.h"
#include "dns01/provider_token.h"
#include "dns01/provider_zone.h"

#define API "/2013-04-01/"
#define TTL "60"
#define TRIES 2 /* when somebody else was faster */
#define VALUE_MAX 8192
#define BODY_MAX (1024 * 1024)
#define ZONES_PER_PAGE "100"
#define ZONE_PAGES 10 /* of zones of one name */
#define ID_MAX 64
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct kubernetes_auth {
    struct dns_service_account_ref service_account;
};
struct auth {
    struct kubernetes_auth kubernetes;
};
struct route53 {
    struct auth auth;
    const char *key_id;
    struct dns_secret_ref key_id_ref;
    struct dns_secret_ref secret_ref;
    const char *role;
    const char *zone_id;
    const char *region;
};

static const struct bind_field kubernetes_fields[] = {
    BIND_ROW(struct kubernetes_auth, OBJECT, service_account, "serviceAccountRef",
             .flags = BIND_REQUIRED, .table = &dns_service_account_ref_table),
};
static const struct bind_table kubernetes_table =
    BIND_TABLE("Route53KubernetesAuth", struct kubernetes_auth, kubernetes_fields);
static const struct bind_field auth_fields[] = {
    BIND_ROW(struct auth, OBJECT, kubernetes, "kubernetes", .table = &kubernetes_table),
};
static const struct bind_table auth_table = BIND_TABLE("Route53Auth", struct auth, auth_fields);
static const struct bind_field route53_fields[] = {
    BIND_ROW(struct route53, OBJECT, auth, "auth", .table = &auth_table),
    BIND_ROW(struct route53, STRING, key_id, "accessKeyID"),
    BIND_ROW(struct route53, OBJECT, key_id_ref, "accessKeyIDSecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct route53, OBJECT, secret_ref, "secretAccessKeySecretRef",
             .table = &dns_secret_ref_or_none_table),
    BIND_ROW(struct route53, STRING, role, "role"),
    BIND_ROW(struct route53, STRING, zone_id, "hostedZoneID"),
    BIND_ROW(struct route53, STRING, region, "region"),
};
static const struct bind_table route53_table =
    BIND_TABLE("Route53", struct route53, route53_fields);

static const struct aws_service service = {"route53", "AWS_ENDPOINT_URL_ROUTE_53", true};

static struct aws_identity identity_of(const struct route53 *c)
{
    return (struct aws_identity){
        .key_id = c->key_id,
        .key_id_ref = c->key_id_ref,
        .secret_ref = c->secret_ref,
        .role = c->role,
        .service_account = c->auth.kubernetes.service_account,
        .region = c->region,
    };
}

struct request {
    const char *method, *path, *query, *what;
    const struct buf *body; /* XML, or NULL */
    const char *answer;     /* the element that the answer is */
};

static struct err *call(const struct dns_env *env, const struct route53 *c, const struct request *r,
                        struct http_response *ret_response)
{
    const struct aws_identity identity = identity_of(c);
    const struct aws_call aws = {.service = &service,
                                 .identity = &identity,
                                 .method = r->method,
                                 .path = r->path,
                                 .query = r->query,
                                 .content_type = r->body != NULL ? "application/xml" : NULL,
                                 .body = r->body,
                                 .what = r->what};
    AUTO_RESPONSE res = {0};
    TRY(aws_call(env, &aws, &res));
    struct xml rest = {buf_str(&res.body), res.body.len}, ignored;
    if (!xml_next(&rest, r->answer, &ignored))
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s: Route 53 answered without %s", r->what,
                       r->answer);
    *ret_response = res;
    res = (struct http_response){0};
    return NULL;
}

/* ---- zones ---- */

/* "Z123" of "Z123" or "/hostedzone/Z123"; NULL for what is no id. */
static const char *bare_id(const char *id, const char *prefix)
{
    if (id != NULL && str_starts(id, prefix))
        id += strlen(prefix);
    return str_empty(id) || strlen(id) > ID_MAX || strspn(id, ID_CHARS) != strlen(id) ? NULL : id;
}

static struct err *check(const void *config)
{
    const struct route53 *c = config;
    const struct aws_identity identity = identity_of(c);
    if (!str_empty(c->zone_id) && bare_id(c->zone_id, "/hostedzone/") == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "hostedZoneID: write an id such as Z0123456789ABCDEFGHIJ");
    return aws_identity_check(&identity);
}

/* Whether name, as the API writes it, is the same as ours without its final dot. */
static bool same_name(const char *name, const char *ours)
{
    size_t len = name != NULL ? strlen(name) : 0;
    return len > 0 && len - (name[len - 1] == '.') == strlen(ours) &&
           strncasecmp(name, ours, strlen(ours)) == 0;
}

struct search {
    const char *zone;
    char *id;       /* of the public zone of that name */
    unsigned found; /* public ones */
    bool over;      /* others follow: names are sorted */
    char *query;    /* of the page */
};

static void search_release(struct search *s)
{
    free(s->id);
    free(s->query);
}

static void read_zone(const struct xml *in, struct search *s)
{
    auto_free char *name = xml_text(in, "Name", VALUE_MAX);
    auto_free char *is_private = xml_text(in, "PrivateZone", 8);
    auto_free char *id = xml_text(in, "Id", VALUE_MAX);
    const char *bare = bare_id(id, "/hostedzone/");
    if (!same_name(name, s->zone)) {
        s->over = true;
        return;
    }
    if (str_eq(is_private, "true") || bare == NULL)
        return;
    if (s->found++ == 0)
        s->id = x_strdup(bare);
}

static void read_zones(const struct http_response *res, struct search *s)
{
    struct xml rest = {buf_str(&res->body), res->body.len}, in;
    const struct xml all = rest;
    while (!s->over && xml_next(&rest, "HostedZone", &in))
        read_zone(&in, s);
    auto_free char *more = xml_text(&all, "IsTruncated", 8);
    auto_free char *name = xml_text(&all, "NextDNSName", VALUE_MAX);
    auto_free char *id = xml_text(&all, "NextHostedZoneId", ID_MAX);
    if (!str_eq(more, "true") || name == NULL || id == NULL)
        s->over = true;
    if (s->over)
        return;
    auto_free char *next_name = percent_encode(name);
    auto_free char *next_id = percent_encode(id);
    free(s->query);
    s->query = x_printf("dnsname=%s&hostedzoneid=%s&maxitems=" ZONES_PER_PAGE, next_name, next_id);
}

struct account {
    const struct dns_env *env;
    const struct route53 *config;
};

static struct err *look_up_zone(void *arg, const char *zone, char **ret_id)
{
    const struct account *a = arg;
    AUTO(search_release) struct search s = {.zone = zone};
    auto_free char *name = percent_encode(zone);
    auto_free char *what = x_printf("zone %s", zone);
    s.query = x_printf("dnsname=%s.&maxitems=" ZONES_PER_PAGE, name);
    for (unsigned page = 0; page < ZONE_PAGES && !s.over; page++) {
        AUTO_RESPONSE res = {0};
        TRY(call(a->env, a->config,
                 &(struct request){.method = "GET",
                                   .path = API "hostedzonesbyname",
                                   .query = s.query,
                                   .what = what,
                                   .answer = "HostedZones"},
                 &res));
        read_zones(&res, &s);
    }
    if (s.found > 1)
        return err_new(ERR_INVALID, "ZoneAmbiguous",
                       "Route 53 has %u public zones %s: write the id of the one that is delegated "
                       "to in hostedZoneID",
                       s.found, zone);
    *ret_id = TAKE(s.id);
    return NULL;
}

static struct err *find_zone_id(const struct dns_env *env, const struct route53 *c,
                                const struct dns_value *v, char **ret_id)
{
    if (!str_empty(c->zone_id)) {
        *ret_id = x_strdup(bare_id(c->zone_id, "/hostedzone/"));
        return NULL;
    }
    struct account a = {env, c};
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(env, v, look_up_zone, &a, &zone));
    *ret_id = x_strdup(zone.id);
    return NULL;
}

/* ---- record sets ---- */

struct rrset {
    char *ttl;             /* NULL: there is no set */
    struct strlist values; /* as the API writes them: "\"text\"" */
    bool routed;           /* one of several sets of that name, by a routing policy */
};

static void rrset_release(struct rrset *s)
{
    free(s->ttl);
    strlist_release(&s->values);
}

struct record {
    const char *name;
    char *path, *what, *quoted;
};

static void record_release(struct record *r)
{
    free(r->path);
    free(r->what);
    free(r->quoted);
}

static struct err *find_record(const struct dns_env *env, const struct route53 *c,
                               const struct dns_value *v, struct record *ret_record)
{
    struct record r = {.name = v->name};
    auto_free char *zone_id = NULL;
    TRY(find_zone_id(env, c, v, &zone_id));
    r.path = x_printf(API "hostedzone/%s/rrset", zone_id);
    r.what = x_printf("record %s in zone %s", v->name, v->zone);
    r.quoted = x_printf("\"%s\"", v->text);
    *ret_record = r;
    return NULL;
}

static struct err *read_values(const struct xml *in, struct rrset *s)
{
    struct xml rest = *in, value;
    while (xml_next(&rest, "Value", &value)) {
        char *text = xml_content(&value, VALUE_MAX);
        if (text == NULL)
            return err_new(ERR_TRANSIENT, "ProviderFailed", "a value that cannot be read");
        strlist_add_take(&s->values, text);
    }
    return NULL;
}

static struct err *read_rrset(const struct dns_env *env, const struct route53 *c,
                              const struct record *r, struct rrset *ret_set)
{
    auto_free char *name = percent_encode(r->name);
    auto_free char *query = x_printf("maxitems=1&name=%s.&type=TXT", name);
    const struct request req = {.method = "GET",
                                .path = r->path,
                                .query = query,
                                .what = r->what,
                                .answer = "ResourceRecordSets"};
    AUTO_RESPONSE res = {0};
    TRY(call(env, c, &req, &res));
    struct xml rest = {buf_str(&res.body), res.body.len}, in, ignored;
    if (!xml_next(&rest, "ResourceRecordSet", &in))
        return NULL;
    auto_free char *found = xml_text(&in, "Name", VALUE_MAX);
    auto_free char *type = xml_text(&in, "Type", 16);
    if (!same_name(found, r->name) || !str_eq(type, "TXT"))
        return NULL; /* the list goes on with what follows the name */
    AUTO(rrset_release) struct rrset set = {.ttl = xml_text(&in, "TTL", 16)};
    TRY(read_values(&in, &set), "%s", r->what);
    struct xml again = in;
    set.routed = set.ttl == NULL || xml_next(&again, "SetIdentifier", &ignored);
    *ret_set = set;
    set = (struct rrset){0};
    return NULL;
}

static struct err *add_change(struct buf *b, const char *action, const char *name,
                              const struct rrset *s)
{
    TRY(buf_addf(b, "<Change><Action>%s</Action><ResourceRecordSet><Name>", action));
    TRY(xml_add(b, name));
    TRY(buf_adds(b, ".</Name><Type>TXT</Type><TTL>"));
    TRY(xml_add(b, s->ttl));
    TRY(buf_adds(b, "</TTL><ResourceRecords>"));
    for (size_t i = 0; i < s->values.len; i++) {
        TRY(buf_adds(b, "<ResourceRecord><Value>"));
        TRY(xml_add(b, s->values.items[i]));
        TRY(buf_adds(b, "</Value></ResourceRecord>"));
    }
    return buf_adds(b, "</ResourceRecords></ResourceRecordSet></Change>");
}

/* From what was read to what it shall be; either may be empty. ret_id: of the change, may be NULL. */
static struct err *change(const struct dns_env *env, const struct route53 *c,
                          const struct record *r, const struct rrset sets[2], char **ret_id)
{
    AUTO(buf_release) struct buf b = BUF_INIT(BODY_MAX);
    TRY(buf_adds(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                     "<ChangeResourceRecordSetsRequest "
                     "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"
                     "<ChangeBatch><Changes>"));
    if (sets[0].values.len > 0)
        TRY(add_change(&b, "DELETE", r->name, &sets[0]), "%s", r->what);
    if (sets[1].values.len > 0)
        TRY(add_change(&b, "CREATE", r->name, &sets[1]), "%s", r->what);
    TRY(buf_adds(&b, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"), "%s", r->what);
    const struct request req = {
        .method = "POST", .path = r->path, .what = r->what, .body = &b, .answer = "ChangeInfo"};
    AUTO_RESPONSE res = {0};
    TRY(call(env, c, &req, &res));
    const struct xml body = {buf_str(&res.body), res.body.len};
    auto_free char *id = xml_text(&body, "Id", ID_MAX + 16);
    const char *bare = bare_id(id, "/change/");
    if (ret_id != NULL && bare != NULL)
        *ret_id = x_strdup(bare);
    return NULL;
}

/* One look and one change. Sets *ret_again when somebody else changed the set in between. */
static struct err *put_or_take(const struct dns_env *env, const struct route53 *c,
                               const struct record *r, bool put, char **ret_id)
{
    AUTO(rrset_release) struct rrset old = {0};
    TRY(read_rrset(env, c, r, &old));
    if (strlist_has(&old.values, r->quoted) == put)
        return NULL;
    if (old.routed)
        return err_new(ERR_INVALID, "RecordUnusable",
                       "%s has a routing policy or is an alias: remove it, or point a CNAME at "
                       "another name",
                       r->what);
    AUTO(rrset_release) struct rrset new = {.ttl = x_strdup(str_or(old.ttl, TTL))};
    for (size_t i = 0; i < old.values.len; i++)
        if (!str_eq(old.values.items[i], r->quoted))
            strlist_add(&new.values, old.values.items[i]);
    if (put)
        strlist_add(&new.values, r->quoted);
    return change(env, c, r, (const struct rrset[2]){old, new}, ret_id);
}

/* A change that does not fit what is there: somebody else was faster (or wrote what we do not understand). */
static bool is_conflict(const struct err *e)
{
    return e != NULL && e->http_status == 400 && strstr(e->message, "InvalidChangeBatch") != NULL;
}

static struct err *put_or_take_surely(const struct dns_env *env, const struct route53 *c,
                                      const struct dns_value *v, bool put, char **ret_id)
{
    AUTO(record_release) struct record r = {0};
    TRY(find_record(env, c, v, &r));
    struct err *e = NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        err_free(e);
        e = put_or_take(env, c, &r, put, ret_id);
        if (!is_conflict(e))
            break;
    }
    return dns_hosted_zone_doubt(env, v, e);
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    return put_or_take_surely(env, config, v, true, ret_id);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    return dns_hosted_zone_gone(put_or_take_surely(env, config, v, false, NULL));
}

static struct err *settled(const struct dns_env *env, const void *config, const struct dns_value *v,
                           bool *ret_settled)
{
    const char *id = bare_id(v->id, "/change/");
    if (id == NULL) {
        *ret_settled = true;
        return NULL;
    }
    auto_free char *path = x_printf(API "change/%s", id);
    auto_free char *what = x_printf("change %s of zone %s", id, v->zone);
    AUTO_RESPONSE res = {0};
    const struct request req = {
        .method = "GET", .path = path, .what = what, .answer = "ChangeInfo"};
    TRY(call(env, config, &req, &res));
    const struct xml body = {buf_str(&res.body), res.body.len};
    auto_free char *status = xml_text(&body, "Status", 16);
    *ret_settled = str_eq(status, "INSYNC");
    return NULL;
}

const struct dns_provider dns_provider_route53 = {
    .name = "route53",
    .config = &route53_table,
    .check = check,
    .present = present,
    .settled = settled,
    .clean_up = clean_up,
};
