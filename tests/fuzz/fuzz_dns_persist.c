/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TXT record of dns-persist-01, which anybody who keeps a zone may write: what fits names the CA and the account, and
 * fits no less when nobody asks for a wildcard, and to no other account or CA.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dns01/persist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define NOW (INT64_C(1767225600) * NS_PER_SEC)
#define URL "https://ca.example/1"

static enum dns_persist_fit judge(const char *issuer, const char *url, bool wildcard,
                                  const char *record)
{
    char *items[] = {(char *)(uintptr_t)issuer};
    const struct strlist issuers = {.items = items, .len = 1};
    const struct dns_persist_want want = {
        .issuers = &issuers, .account_url = url, .wildcard = wildcard, .now = NOW};
    enum dns_persist_fit fit = dns_persist_judge(&want, record);
    MUST(dns_persist_lack(fit)[0] != '\0');
    return fit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *record = x_strndup((const char *)data, size);
    enum dns_persist_fit usual = judge("ca.example", URL, false, record);
    enum dns_persist_fit wildcard = judge("ca.example", URL, true, record);
    MUST(judge("b.example", URL, false, record) != DNS_PERSIST_FITS || usual == DNS_PERSIST_OTHER);
    if (wildcard == DNS_PERSIST_FITS)
        MUST(usual == DNS_PERSIST_FITS);
    if (usual != DNS_PERSIST_FITS)
        return 0;
    MUST(strlen(record) <= DNS_PERSIST_VALUE_MAX && strstr(record, "ca.example") != NULL);
    MUST(strstr(record, URL) != NULL);
    MUST(judge("ca.example", URL "2", false, record) == DNS_PERSIST_ACCOUNT);
    return 0;
}
