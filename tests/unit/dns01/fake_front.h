/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before a fake cloud whose API is more than JSON at one base: token endpoints at other hosts, which are not
 * counted as calls, and XML. One at a time, for one thread.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_FRONT_H
#define CERTROLL_TEST_DNS01_FAKE_FRONT_H

#include "fake_cloud.h"

/* True: it has answered by front_say(), and the cloud is not asked. */
typedef bool (*fake_front_answer)(struct fake_cloud *c, const struct http_request *req,
                                  struct http_response *ret);
/* Puts it before the cloud of f. */
void fake_front_open(struct provider_fake *f, fake_front_answer answer);
/* So many requests it has answered itself. */
unsigned fake_front_answered(void);

/* Takes body over; text must not be NULL. */
void front_say(struct http_response *ret, int status, json_t *body);
void front_say_text(struct http_response *ret, int status, const char *text);
/* As the body of fake_say(): the answer is that text instead of JSON. Takes text over. */
json_t *front_xml(char *text);

/* A parameter of a form, decoded: owned, NULL when absent. */
char *front_form(const struct http_request *req, const char *name);
/* NULL when absent. */
const char *front_header(const struct http_request *req, const char *name);

/* ---- record sets: all texts of a name at once ---- */

/* The texts as a JSON array, in quotes. */
json_t *fake_set(const struct fake_cloud *c, const struct fake_zone *zone, const char *name);
/* 0 when there is none. */
int64_t fake_set_ttl(const struct fake_cloud *c, const struct fake_zone *zone, const char *name);
/* Are these quoted texts the set, in any order? */
bool fake_set_is(const struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                 const json_t *quoted);
/* From now on they are, which may be none. False when one is not a quoted text, and nothing is done. */
bool fake_set_put(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                  const json_t *quoted, int64_t ttl);

#endif
