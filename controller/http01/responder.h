/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP-01 responder (RFC 8555 section 8.3): answers token.thumbprint. Nothing has to be
 * propagated per token: the thumbprint of the account key is all it knows, and without the account
 * key its answers are worth nothing. Which hosts reach it is decided by the Ingress rules.
 */
#ifndef CERTROLL_HTTP01_RESPONDER_H
#define CERTROLL_HTTP01_RESPONDER_H

#include <stdbool.h>

#include "net/dns.h"
#include "net/httpd.h"

#define HTTP01_PATH "/.well-known/acme-challenge/"
#define HTTP01_TOKEN_MIN 16
#define HTTP01_TOKEN_MAX 256

/* base64url characters only, 16 to 256 of them (RFC 8555 section 8.1 asks for 128 bits). */
bool http01_token_is_valid(const char *token);
/* An IP address is proven as a DNS name is (RFC 8738 section 4) and is no host of an Ingress. */
bool http01_host_is_ip(const char *host);
/* 43 base64url characters: a SHA-256 (RFC 7638). */
bool http01_thumbprint_is_valid(const char *thumbprint);

/* The token that is asked for, within the path; NULL unless that is exactly HTTP01_PATH and a token, without a query. */
const char *http01_token_of(const struct httpd_request *req);

/* An httpd_handler; arg is the thumbprint. Only HTTP01_PATH followed by a token is answered. */
void http01_respond(void *thumbprint, const struct httpd_request *req, struct httpd_reply *reply);

/* Another httpd_handler, for hosts whose challenges are answered elsewhere: 301 to the same path at arg, an URL
 * that http01_forward_check() let pass, and nothing for any other path. */
void http01_forward(void *url, const struct httpd_request *req, struct httpd_reply *reply);
/* ERR_INVALID unless it is http or https, a host, and port 80 or 443 if any: what a CA follows. */
struct err *http01_forward_check(const char *url) MUST_CHECK;
/* The host of such an URL. */
void http01_forward_host(const char *url, char out[DNS_NAME_MAX + 1]);

#endif
