/* SPDX-License-Identifier: Apache-2.0 */
#include "api/revocation.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define REASON_MAX 32

static const char *const reasons[] = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", NULL,
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise",
};

const char *revocation_reason_name(int reason)
{
    return reason >= 0 && reason < (int)ARRAY_LEN(reasons) ? reasons[reason] : NULL;
}

static int reason_of(const char *text)
{
    int64_t number = -1;
    for (int i = 0; i < (int)ARRAY_LEN(reasons); i++)
        if (reasons[i] != NULL && strcasecmp(reasons[i], text) == 0)
            return i;
    AUTO_ERR no_number = str_to_i64(text, 0, ARRAY_LEN(reasons) - 1, &number);
    return no_number == NULL && revocation_reason_name((int)number) != NULL ? (int)number : -1;
}

/* Octets, so an even number of digits; the colons of some tools and leading zero octets are left out. */
static bool read_serial(const char *text, char out[REVOCATION_SERIAL_MAX])
{
    size_t len = 0;
    for (; *text != '\0'; text++) {
        if (*text == ':')
            continue;
        if (!isxdigit((unsigned char)*text) || len + 1 >= REVOCATION_SERIAL_MAX)
            return false;
        out[len++] = (char)tolower((unsigned char)*text);
    }
    out[len] = '\0';
    if (len == 0 || len % 2 != 0)
        return false;
    size_t zeros = 0;
    while (zeros + 2 < len && strncmp(out + zeros, "00", 2) == 0)
        zeros += 2;
    memmove(out, out + zeros, len - zeros + 1);
    return true;
}

struct err *revocation_request_parse(const char *text, struct revocation_request *ret_request)
{
    struct revocation_request r = {0};
    char reason[REASON_MAX];
    const char *colon = strchrnul(text, ':');
    size_t len = (size_t)(colon - text);
    str_copy(reason, len + 1 < sizeof(reason) ? len + 1 : sizeof(reason), text);
    r.reason = len < sizeof(reason) ? reason_of(reason) : -1;
    if (r.reason < 0)
        return err_new(ERR_INVALID, "InvalidRevocation",
                       "\"%s\" is no reason to revoke: write unspecified, keyCompromise, "
                       "superseded, cessationOfOperation or another of RFC 5280 section 5.3.1",
                       reason);
    if (*colon == ':' && !read_serial(colon + 1, r.serial))
        return err_new(ERR_INVALID, "InvalidRevocation",
                       "after the colon write the serial number in hex, two digits for each octet");
    *ret_request = r;
    return NULL;
}
