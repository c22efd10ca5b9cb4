/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_https.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_exchange.h"

#define MEDIA_TYPE "application/dns-message"
#define TIMEOUT_DEFAULT (5 * NS_PER_SEC)
#define ANSWER_MAX 65535
#define STATUS_OK 200

static struct err *read_answer(const struct dns_wire_query *query, const struct http_response *r,
                               struct dns_answer *ret_answer)
{
    if (r->status != STATUS_OK)
        return err_new(ERR_TRANSIENT, "DNSFailed", "answered HTTP status %d", r->status);
    struct dns_reply reply = {0};
    dns_wire_read(query, (const unsigned char *)buf_str(&r->body), r->body.len, &reply);
    struct err *e = dns_reply_error(&reply);
    if (e != NULL)
        dns_reply_release(&reply);
    else
        *ret_answer = reply.answer;
    return e;
}

struct err *dns_https_query(const struct http_transport *http, const char *url,
                            const struct dns_question *q, const struct stop *stop,
                            struct dns_answer *ret_answer)
{
    char name[DNS_NAME_MAX + 1];
    if (!dns_name_copy(q->name, name))
        return err_new(ERR_INVALID, "InvalidName", "\"%.64s\" is not a DNS name",
                       str_or(q->name, ""));
    if (!str_starts(url, "https://"))
        return err_new(ERR_INVALID, "InvalidServer", "a DNS-over-HTTPS server is an https:// URL");
    struct dns_wire_query query;
    /* Id 0: the connection says which answer it is (section 4.1). */
    dns_wire_ask(name, q->type, 0, DNS_WIRE_RECURSE | DNS_WIRE_EDNS, &query);
    const struct http_header headers[] = {{"Content-Type", MEDIA_TYPE}, {"Accept", MEDIA_TYPE}};
    const struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = query.data,
        .body_len = query.len,
        .timeout = q->timeout > 0 ? q->timeout : TIMEOUT_DEFAULT,
        .max_body = ANSWER_MAX,
        /* Some resolvers speak nothing older (section 5.2 recommends it). */
        .flags = HTTP_VERSION_2 | ((q->flags & DNS_GUARDED) != 0 ? HTTP_GUARDED : 0),
    };
    AUTO_RESPONSE response = {0};
    struct err *e = http_trust_advice(
        http_call(http, &request, stop, &response),
        "for a CA that the system does not trust, set SSL_CERT_DIR or SSL_CERT_FILE for certroll");
    if (e == NULL)
        e = read_answer(&query, &response, ret_answer);
    return err_wrap(e, "DNS query for %s %s over HTTPS", name, dns_type_str(q->type));
}
