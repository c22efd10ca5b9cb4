/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_ca.h"
#include "sim/sim_check.h"
#include "sim/sim_issuers.h"
#include "sim/sim_zone_internal.h"

#define BODY_MAX 65536
#define LAG_MAX (2 * NS_PER_SEC) /* of the first server */
#define TTL NS_PER_MIN
/* Certroll leaves a server alone that did not answer so many looks in a row, each within ten minutes of the one before,
 * for a minute at a time. */
#define MISSES_ALLOWED 3
#define LEFT_ALONE (2 * 10 * NS_PER_MIN + NS_PER_MIN)
/* One whose address was not found so often, each time within ten minutes, is left out while the zone is known. */
#define LEFT_OUT (2 * 10 * NS_PER_MIN + TTL)
#define PREFIX "_acme-challenge."

static const char *const servers[] = {"192.0.2.11", "192.0.2.12"};
_Static_assert(ARRAY_LEN(servers) == ZONE_SERVERS, "each server has a lag");

struct sim_zone *sim_zone_new(struct sim *s)
{
    struct sim_zone *z = x_calloc(1, sizeof(*z));
    z->sim = s;
    z->waits = s->seed % 16 == 2;
    z->back = SIM_NEVER;
    return z;
}

void sim_zone_free(struct sim_zone *z)
{
    for (size_t i = 0; i < z->len; i++) {
        free(z->records[i].name);
        free(z->records[i].text);
    }
    free(z->records);
    free(z);
}

/* The last two labels. */
static const char *apex_of(const char *name)
{
    const char *at = name + strlen(name);
    for (unsigned dots = 0; at > name; at--)
        if (at[-1] == '.' && ++dots == 2)
            break;
    return at;
}

/* ---- records ---- */

struct zone_record *zone_add(struct sim_zone *z, const char *name, const char *text, bool theirs)
{
    struct sim *s = z->sim;
    z->records = x_realloc(z->records, (z->len + 1) * sizeof(*z->records));
    struct zone_record *r = &z->records[z->len++];
    *r = (struct zone_record){.name = x_strdup(name),
                              .text = x_strdup(text),
                              .theirs = theirs,
                              .since = sim_now(s),
                              .gone = SIM_NEVER};
    r->lag[0] = sim_delay(s, LAG_MAX);
    r->lag[1] = sim_delay(s, z->waits ? LAG_MAX : SIM_ZONE_LAG_MAX);
    sim_note(s, "%s: %s has TXT %s, at the second server in %lld s",
             theirs ? "another tool" : "API", name, text, (long long)(r->lag[1] / NS_PER_SEC));
    return r;
}

static bool is_shown(const struct sim_zone *z, const struct zone_record *r, size_t server)
{
    int64_t now = sim_now(z->sim);
    return now >= r->since + r->lag[server] &&
           (r->gone == SIM_NEVER || now < r->gone + r->lag[server]);
}

/* All of them at once, now or before. */
static bool was_shown_by_all(const struct sim_zone *z, const struct zone_record *r)
{
    int64_t last = r->lag[0] > r->lag[1] ? r->lag[0] : r->lag[1];
    int64_t first = r->lag[0] < r->lag[1] ? r->lag[0] : r->lag[1];
    return r->since + last <= sim_now(z->sim) &&
           (r->gone == SIM_NEVER || r->since + last < r->gone + first);
}

static bool is_at(const struct zone_record *r, const char *identifier, const char *value)
{
    return str_starts(r->name, PREFIX) && str_eq(r->name + strlen(PREFIX), identifier) &&
           str_eq(r->text, value);
}

static bool shows(const struct sim_zone *z, size_t server, const char *identifier,
                  const char *value)
{
    for (size_t i = 0; i < z->len; i++)
        if (is_at(&z->records[i], identifier, value) && is_shown(z, &z->records[i], server))
            return true;
    return false;
}

bool sim_zone_proves(struct sim_zone *z, const char *identifier, const char *value)
{
    return shows(z, sim_pick(z->sim, ZONE_SERVERS), identifier, value);
}

/* ---- the API ---- */

static void answer(struct http_response *res, int status, const json_t *body)
{
    res->status = status;
    res->body = BUF_INIT(BODY_MAX);
    if (body != NULL)
        err_drop(json_print(body, &res->body)); /* far below the maximum */
}

static void refuse(struct http_response *res, int status, const char *id)
{
    json_auto_t *body = json_build("{s:s,s:s}", "id", id, "message", "no");
    answer(res, status, body);
}

static bool is_authorized(const struct sim_zone *z, const struct http_request *req)
{
    auto_free char *expected = x_printf("Bearer token-%u", z->token);
    for (size_t i = 0; i < req->header_count; i++)
        if (str_eq(req->headers[i].name, "Authorization"))
            return str_eq(req->headers[i].value, expected);
    return false;
}

static json_t *shown(const struct zone_record *r, size_t id)
{
    return json_build("{s:I,s:s,s:s,s:s}", "id", (json_int_t)id, "type", "TXT", "name", r->name,
                      "data", r->text);
}

/* ".../records?type=TXT&name=NAME&per_page=200&page=1" */
static void list_records(const struct sim_zone *z, const char *query, struct http_response *res)
{
    static const char parameter[] = "&name=";
    const char *at = strstr(query, parameter);
    const char *name = at != NULL ? at + strlen(parameter) : "";
    size_t len = strcspn(name, "&");
    json_auto_t *body = json_build("{s:[],s:{}}", "domain_records", "links");
    for (size_t i = 0; i < z->len; i++) {
        const struct zone_record *r = &z->records[i];
        if (r->gone == SIM_NEVER && strlen(r->name) == len && memcmp(r->name, name, len) == 0)
            json_push(JGET(body, "domain_records"), shown(r, i));
    }
    answer(res, 200, body);
}

/* Whoever comes after a crash has to know what to take out. */
static bool is_noted(struct sim *s, const char *name, const char *text)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "challenges");
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *record = JGET(all[i]->json, "status", "dns01");
        if (str_eq(JSTR(record, "name"), name) && str_eq(JSTR(record, "value"), text))
            return true;
    }
    return false;
}

static void create_record(struct sim_zone *z, const char *zone, const struct http_request *req,
                          struct http_response *res)
{
    json_auto_t *body = NULL;
    err_drop(json_parse(req->body, req->body_len, &body)); /* then it says nothing */
    auto_free char *name = x_printf("%s.%s", str_or(JSTR(body, "name"), ""), zone);
    const char *text = str_or(JSTR(body, "data"), "");
    if (!is_noted(z->sim, name, text))
        sim_fail(z->sim, "TXT %s of %s is in no Challenge's status", text, name);
    struct zone_record *r = zone_add(z, name, text, false);
    json_auto_t *made = json_build("{s:o}", "domain_record", shown(r, z->len - 1));
    answer(res, 201, made);
}

static void remove_record(struct sim_zone *z, const char *id, struct http_response *res)
{
    size_t n = strtoul(id, NULL, 10);
    if (n >= z->len || z->records[n].gone != SIM_NEVER) {
        refuse(res, 404, "not_found");
        return;
    }
    if (z->records[n].theirs)
        sim_fail(z->sim, "certroll has removed %s of %s, which is another tool's",
                 z->records[n].text, z->records[n].name);
    z->records[n].gone = sim_now(z->sim);
    sim_note(z->sim, "API: %s has no TXT %s any more", z->records[n].name, z->records[n].text);
    answer(res, 204, NULL);
}

void sim_zone_serve(struct sim_zone *z, const struct http_request *req, struct http_response *res)
{
    static const char start[] = "https://" SIM_ZONE_HOST "/v2/domains/";
    if (!is_authorized(z, req)) {
        refuse(res, 401, "unauthorized");
        return;
    }
    if (!str_starts(req->url, start)) {
        refuse(res, 404, "not_found");
        return;
    }
    const char *at = req->url + strlen(start);
    size_t len = strcspn(at, "/?");
    auto_free char *zone = x_strndup(at, len);
    at += len;
    if (!str_eq(apex_of(zone), zone)) {
        refuse(res, 404, "not_found");
    } else if (*at == '\0') {
        json_auto_t *body = json_build("{s:{s:s}}", "domain", "name", zone);
        answer(res, 200, body);
    } else if (str_starts(at, "/records/")) {
        remove_record(z, at + strlen("/records/"), res);
    } else if (str_eq(req->method, "POST")) {
        create_record(z, zone, req, res);
    } else {
        list_records(z, at, res);
    }
}

/* ---- the servers ---- */

/* RDATA: labels, each behind its length. */
static struct dns_record name_record(const char *name)
{
    unsigned char *data = x_calloc(1, strlen(name) + 2);
    size_t n = 0;
    for (const char *at = name; *at != '\0';) {
        size_t len = strcspn(at, ".");
        data[n++] = (unsigned char)len;
        memcpy(data + n, at, len);
        n += len;
        at += len + (at[len] == '.');
    }
    return (struct dns_record){data, n + 1};
}

static struct dns_record text_record(const char *text)
{
    size_t len = strlen(text);
    unsigned char *data = x_alloc(len + 1);
    data[0] = (unsigned char)len;
    memcpy(data + 1, text, len);
    return (struct dns_record){data, len + 1};
}

/* RFC 8659 section 4.1. */
static struct dns_record caa_record(const char *issuer)
{
    static const char head[] = "\0\5issue";
    size_t len = strlen(issuer);
    unsigned char *data = x_alloc(sizeof(head) - 1 + len);
    memcpy(data, head, sizeof(head) - 1);
    memcpy(data + sizeof(head) - 1, issuer, len);
    return (struct dns_record){data, sizeof(head) - 1 + len};
}

static void add(struct dns_answer *a, struct dns_record r)
{
    a->records = x_realloc(a->records, (a->count + 1) * sizeof(*a->records));
    a->records[a->count++] = r;
}

void sim_zone_look_up(const struct sim_zone *z, const struct dns_question *q,
                      struct dns_answer *ret_answer)
{
    struct dns_answer a = {.exists = true, .ttl = TTL};
    dns_name_copy(q->name, a.name);
    bool is_apex = str_eq(apex_of(a.name), a.name);
    for (size_t i = 0; i < ARRAY_LEN(servers) && is_apex && q->type == DNS_NS; i++) {
        auto_free char *host = x_printf("ns%zu.%s", i, a.name);
        add(&a, name_record(host));
    }
    if (q->type == DNS_CAA && sim_ca_is_forbidden(z->sim->ca, a.name))
        add(&a, caa_record(SIM_CA_BACKUP_HOST));
    if (is_apex && q->type == DNS_SOA)
        add(&a, name_record(a.name));
    if (q->type == DNS_A) {
        unsigned char last = str_starts(a.name, "ns0.") ? 11 : str_starts(a.name, "ns1.") ? 12 : 1;
        const unsigned char address[] = {192, 0, 2, last};
        add(&a, (struct dns_record){x_memdup(address, sizeof(address)), sizeof(address)});
    }
    *ret_answer = a;
}

static void note_miss(const struct sim_zone *z, struct zone_misses *m)
{
    m->at[m->count++ % ZONE_MISSES] = sim_now(z->sim);
}

static unsigned missed_within(const struct sim_zone *z, const struct zone_misses *m, int64_t time)
{
    unsigned lately = 0;
    for (size_t i = 0; i < ZONE_MISSES && i < m->count; i++)
        lately += sim_now(z->sim) - m->at[i] < time;
    return lately;
}

/* It did not answer, or was not found, so often that certroll may go on without it. */
static bool may_be_left_alone(const struct sim_zone *z, size_t server)
{
    return missed_within(z, &z->misses[server], LEFT_ALONE) >= MISSES_ALLOWED ||
           missed_within(z, &z->unresolved[server], LEFT_OUT) >= MISSES_ALLOWED;
}

void sim_zone_not_looked_up(struct sim_zone *z, const struct dns_question *q)
{
    size_t server = str_starts(q->name, "ns1.") ? 1 : 0;
    if (server == 1 || str_starts(q->name, "ns0."))
        note_miss(z, &z->unresolved[server]);
}

void sim_zone_ask(struct sim_zone *z, const struct dns_ask *ask, const char *server, bool failing,
                  struct dns_said *ret_said)
{
    size_t n = str_eq(server, servers[1]) ? 1 : 0;
    if (failing || sim_now(z->sim) < z->silent_until[n]) {
        note_miss(z, &z->misses[n]);
        ret_said->failed = err_new(ERR_TRANSIENT, "Timeout", "%s: timed out", server);
        return;
    }
    struct dns_said said = {.authoritative = true, .answer = {.exists = true, .ttl = TTL}};
    dns_name_copy(ask->name, said.answer.name);
    for (size_t i = 0; i < z->len && ask->type == DNS_TXT; i++)
        if (str_eq(z->records[i].name, said.answer.name) && is_shown(z, &z->records[i], n))
            add(&said.answer, text_record(z->records[i].text));
    if (said.answer.count == 0)
        str_copy(said.zone, sizeof(said.zone), apex_of(said.answer.name));
    *ret_said = said;
}

/* ---- rules ---- */

void sim_zone_check_asked(struct sim_zone *z, const char *identifier, const char *value)
{
    /* One may still show it from the last time that it was put there, and the other from now on. */
    if (shows(z, 0, identifier, value) && shows(z, 1, identifier, value))
        return;
    for (size_t i = 0; i < z->len; i++)
        if (is_at(&z->records[i], identifier, value) && was_shown_by_all(z, &z->records[i]))
            return;
    bool excused = z->waits;
    for (size_t i = 0; i < ZONE_SERVERS; i++)
        excused = excused || may_be_left_alone(z, i);
    if (!excused)
        sim_fail(z->sim, "the CA was asked to look for %s of %s, and not all servers show it",
                 value, identifier);
}

void sim_zone_excuse(struct sim_zone *z, const char *note)
{
    for (size_t i = 0; i < z->len; i++)
        if (!z->records[i].theirs && strstr(note, z->records[i].text) != NULL)
            z->records[i].excused = true;
}

char *sim_zone_unfinished(const struct sim_zone *z)
{
    for (size_t i = 0; i < z->len; i++) {
        const struct zone_record *r = &z->records[i];
        if (!r->theirs && !r->excused && r->gone == SIM_NEVER)
            return x_printf("TXT %s of %s is left", r->text, r->name);
    }
    return NULL;
}
