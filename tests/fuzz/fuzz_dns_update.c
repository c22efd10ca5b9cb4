/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the answer to an update, "<S or U>" before them: signed or not. They are malformed, or what is read
 * keeps the promises of net/dns_update_wire.h. The MAC is always the same, so that signed answers are reached.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/dns_update_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Sums up the input, so that all of it is looked at, and forgets the sum. */
static void mac(void *ctx, const void *data, size_t len, unsigned char out[DNS_MAC_MAX],
                size_t *ret_len)
{
    const unsigned char *bytes = data;
    volatile unsigned sum = 0;
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        sum = sum + bytes[i];
    memset(out, 'M', 16);
    *ret_len = 16;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    static const struct dns_tsig tsig = {.key_name = "k", .algorithm = "a", .mac = mac};
    const struct dns_update u = {.server = "192.0.2.1",
                                 .zone = "a.test",
                                 .name = "b.a.test",
                                 .text = "value",
                                 .tsig = data[0] == 'S' ? &tsig : NULL};
    struct dns_update_message m;
    err_free(dns_update_build(&u, 7, INT64_C(1700000000) * NS_PER_SEC, &m));
    size_t len = size - 1;
    auto_free unsigned char *exact = x_memdup(data + 1, len);
    struct dns_update_reply r;
    if (!dns_update_read(&m, exact, len, &r))
        return 0;
    MUST(len <= DNS_UPDATE_REPLY_MAX && r.rcode <= 15 && r.tsig_error <= 65535);
    MUST(r.signature <= DNS_MISSIGNED && (r.signature != DNS_SIGNED || u.tsig != NULL));
    MUST(r.signed_at >= 0 && r.server_time >= 0);
    MUST(r.signature == DNS_SIGNED || (r.signed_at == 0 && r.server_time == 0));
    return 0;
}
