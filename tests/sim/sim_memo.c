/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_memo.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "pki/key.h"

static struct map by_pem; /* -> struct pki_key, a reference */
static bool is_thorough;

/* Values that were served and that nobody has read yet: more than may be under way at once. */
#define SERVED 1024
#define TICKET "{\"$served\":"
static json_t *served[SERVED];
static unsigned served_count;

/* The linker's names for what is led here, and for what it was led away from. */
struct err *__real_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
struct err *__wrap_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
struct err *__real_pki_key_pem(const struct pki_key *key, enum pki_key_encoding encoding,
                               struct secret *ret_pem) MUST_CHECK;
struct err *__wrap_pki_key_pem(const struct pki_key *key, enum pki_key_encoding encoding,
                               struct secret *ret_pem) MUST_CHECK;
struct err *__real_json_parse(const char *data, size_t len, json_t **ret_value) MUST_CHECK;
struct err *__wrap_json_parse(const char *data, size_t len, json_t **ret_value) MUST_CHECK;
struct err *__real_json_print(const json_t *value, struct buf *b) MUST_CHECK;
struct err *__wrap_json_print(const json_t *value, struct buf *b) MUST_CHECK;
struct err *__real_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;

static void free_key(void *key)
{
    pki_key_free(key);
}

void sim_memo_end(void)
{
    map_release(&by_pem);
    for (size_t i = 0; i < SERVED; i++) {
        json_decref(served[i]);
        served[i] = NULL;
    }
}

void sim_memo_begin(bool thorough)
{
    sim_memo_end();
    by_pem = MAP_INIT(free_key);
    is_thorough = thorough;
}

struct err *__wrap_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key)
{
    auto_free char *text = x_strndup(pem, len);
    struct pki_key *key = map_get(&by_pem, text);
    if (key == NULL) {
        TRY(__real_pki_key_parse(pem, len, &key));
        map_put(&by_pem, text, key);
    }
    *ret_key = pki_key_ref(key);
    return NULL;
}

/* What was written is known before it is read. */
struct err *__wrap_pki_key_pem(const struct pki_key *key, enum pki_key_encoding encoding,
                               struct secret *ret_pem)
{
    TRY(__real_pki_key_pem(key, encoding, ret_pem));
    auto_free char *text = x_strndup(ret_pem->data, ret_pem->len);
    if (!is_thorough && !map_has(&by_pem, text))
        map_put(&by_pem, text, pki_key_ref((struct pki_key *)(uintptr_t)key));
    return NULL;
}

/* A ticket is read once, by who was served it. A value that nobody else has is handed over, and not copied. */
struct err *__wrap_json_parse(const char *data, size_t len, json_t **ret_value)
{
    size_t mark = strlen(TICKET);
    if (len <= mark || memcmp(data, TICKET, mark) != 0)
        return __real_json_parse(data, len, ret_value);
    json_t **place = &served[strtoul(data + mark, NULL, 10) % SERVED];
    if (*place == NULL)
        x_abort("sim_memo: a ticket that is not valid any more");
    json_t *value = TAKE(*place);
    bool shared = value->refcount > 1;
    *ret_value = shared ? json_copy_deep(value) : value;
    if (shared)
        json_decref(value);
    return NULL;
}

struct err *sim_memo_print(json_t *value, struct buf *out)
{
    if (is_thorough)
        return __real_json_print(value, out);
    json_t **place = &served[served_count % SERVED];
    json_decref(*place);
    *place = json_incref(value);
    return buf_addf(out, TICKET "%u}", served_count++);
}

/* The body of a request: only objects of the API say what version they are of. */
struct err *__wrap_json_print(const json_t *value, struct buf *b)
{
    if (JSTR(value, "apiVersion") == NULL)
        return __real_json_print(value, b);
    return sim_memo_print((json_t *)(uintptr_t)value, b);
}

/* Key, names, dates and chain were compared before; sim_check.c compares key and certificate again. */
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key)
{
    return is_thorough ? __real_pki_handshake(chain, key) : NULL;
}
