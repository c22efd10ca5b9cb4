/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/rand.h"

/* RFC 4648 section 10 (base32 as it is written in names), and bytes that use the last two letters. */
static const struct {
    const char *data;
    size_t len;
    const char *base64, *base64url, *hex, *base32;
} vectors[] = {
    {"", 0, "", "", "", ""},
    {"f", 1, "Zg==", "Zg", "66", "my"},
    {"fo", 2, "Zm8=", "Zm8", "666f", "mzxq"},
    {"foo", 3, "Zm9v", "Zm9v", "666f6f", "mzxw6"},
    {"foob", 4, "Zm9vYg==", "Zm9vYg", "666f6f62", "mzxw6yq"},
    {"fooba", 5, "Zm9vYmE=", "Zm9vYmE", "666f6f6261", "mzxw6ytb"},
    {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy", "666f6f626172", "mzxw6ytboi"},
    {"\xfb\xff\xfe", 3, "+//+", "-__-", "fbfffe", "7p774"},
    {"\0\0", 2, "AAA=", "AAA", "0000", "aaaa"},
};

static void encodes_and_decodes_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        auto_free char *b64 = base64_encode(vectors[i].data, vectors[i].len);
        auto_free char *url = base64url_encode(vectors[i].data, vectors[i].len);
        auto_free char *hex = hex_encode(vectors[i].data, vectors[i].len);
        assert_string_equal(b64, vectors[i].base64);
        assert_string_equal(url, vectors[i].base64url);
        assert_string_equal(hex, vectors[i].hex);
        auto_free char *b32 = base32_encode_lower(vectors[i].data, vectors[i].len);
        assert_string_equal(b32, vectors[i].base32);
        auto_free char *from64 = NULL, *from_url = NULL;
        size_t len64 = 99, len_url = 99;
        assert_null(base64_decode(b64, strlen(b64), &from64, &len64));
        assert_null(base64url_decode(url, strlen(url), &from_url, &len_url));
        assert_int_equal(len64, vectors[i].len);
        assert_int_equal(len_url, vectors[i].len);
        assert_memory_equal(from64, vectors[i].data, len64);
        assert_memory_equal(from_url, vectors[i].data, len_url);
        assert_int_equal(from64[len64], '\0');
        assert_int_equal(from_url[len_url], '\0');
    }
}

static void every_length_survives(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 5);
    unsigned char data[200];
    for (size_t len = 0; len <= sizeof(data); len++) {
        r.rng.fill(&r, data, len);
        auto_free char *b64 = base64_encode(data, len);
        auto_free char *back = NULL;
        size_t back_len = 0;
        assert_null(base64_decode(b64, strlen(b64), &back, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, data, len);
    }
}

struct bad {
    const char *s;
    size_t len;
};
#define BAD(s_)                                                                                    \
    {                                                                                              \
        s_, sizeof(s_) - 1                                                                         \
    }

static void refuses_what_is_not_base64(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        BAD("Z"),       BAD("Zg"),     BAD("Zg="),        BAD("Zg==="), BAD("="),     BAD("===="),
        BAD("Z==="),    BAD("=Zg="),   BAD("Zg==Zg=="),   BAD("Zh=="),  BAD("Zm9="),  BAD("Zm 9v"),
        BAD("Zm9\n"),   BAD("Zm9v\n"), BAD(" Zm9"),       BAD("-__-"),  BAD("Zm9\0"), BAD("Zm\0v"),
        BAD("Zm9\x80"), BAD("Zg=a"),   BAD("Zm9vYg==\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *data = NULL;
        size_t len = 77;
        AUTO_ERR e = base64_decode(bad[i].s, bad[i].len, &data, &len);
        assert_true(err_is(e, ERR_INVALID));
        assert_null(data);
        assert_int_equal(len, 77);
    }
}

static void refuses_what_is_not_base64url(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        BAD("Z"),   BAD("Zg=="), BAD("Zm9vY"), BAD("+//+"), BAD("Zh"),
        BAD("Zm9"), BAD("Zg="),  BAD("Zm9v "), BAD("Z\0"),  BAD("\xC3\xA9"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *data = NULL;
        size_t len = 77;
        AUTO_ERR e = base64url_decode(bad[i].s, bad[i].len, &data, &len);
        assert_true(err_is(e, ERR_INVALID));
        assert_null(data);
        assert_int_equal(len, 77);
    }
}

static void errors_never_show_content(void **state)
{
    (void)state;
    const char *almost = "c2VjcmV0!===";
    char *data = NULL;
    size_t len = 0;
    AUTO_ERR e = base64_decode(almost, strlen(almost), &data, &len);
    assert_string_equal(e->message, "not a base64 character at byte 8");
}

static void what_is_not_for_urls_is_percent_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *encoded;
    } rows[] = {
        {"", ""},
        {"aZ09-._~", "aZ09-._~"},
        {"a/b?c=d&e%f+ \xc3\xa4\"", "a%2Fb%3Fc%3Dd%26e%25f%2B%20%C3%A4%22"},
        {"\x01\x7f\xff", "%01%7F%FF"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *encoded = percent_encode(rows[i].text);
        assert_string_equal(encoded, rows[i].encoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_the_vectors),
        cmocka_unit_test(every_length_survives),
        cmocka_unit_test(refuses_what_is_not_base64),
        cmocka_unit_test(refuses_what_is_not_base64url),
        cmocka_unit_test(errors_never_show_content),
        cmocka_unit_test(what_is_not_for_urls_is_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
