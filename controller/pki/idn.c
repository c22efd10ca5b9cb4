/* SPDX-License-Identifier: Apache-2.0 */
/* Internationalized DNS names, by the library that libcurl has loaded anyway. */
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "pki/internal.h"

/* IDN2_USE_STD3_ASCII_RULES is not to be had: it silently drops what it does not like. What remains is judged by
 * pki_names_normalize(), as every name. */
#define IDN_INPUT_MAX 1024 /* bytes; 253 characters */

static bool is_ascii(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s > 0x7f)
            return false;
    }
    return true;
}

static struct err *to_ascii(const char *name, char **ret_ascii)
{
    bool wildcard = str_starts(name, "*.");
    char *host = NULL;
    if (strlen(name) > IDN_INPUT_MAX)
        return err_new(ERR_INVALID, "InvalidSpec", "DNS name \"%.64s\": too long", name);
    int code =
        idn2_to_ascii_8z(wildcard ? name + 2 : name, &host, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != IDN2_OK)
        return err_new(ERR_INVALID, "InvalidSpec", "DNS name \"%.64s\": %s", name,
                       idn2_strerror(code));
    *ret_ascii = x_printf("%s%s", wildcard ? "*." : "", host);
    idn2_free(host);
    return NULL;
}

struct err *pki_names_to_ascii(struct pki_names *n)
{
    for (size_t i = 0; i < n->dns.len; i++) {
        if (is_ascii(n->dns.items[i]))
            continue;
        char *ascii;
        TRY(to_ascii(n->dns.items[i], &ascii));
        free(n->dns.items[i]);
        n->dns.items[i] = ascii;
    }
    if (str_empty(n->common_name) || is_ascii(n->common_name))
        return NULL;
    auto_free char *ascii = NULL;
    AUTO_ERR no_host_name = to_ascii(n->common_name, &ascii);
    if (no_host_name == NULL && strlist_has(&n->dns, ascii)) {
        free(n->common_name);
        n->common_name = TAKE(ascii);
    }
    return NULL;
}

/* The same name or address in other words: in U-labels, or IPv6. */
static bool means(const char *written, const char *name)
{
    auto_free char *ip = NULL, *ascii = NULL;
    err_drop(pki_ip_canonical(written, &ip)); /* a name, then */
    if (ip != NULL)
        return str_eq(ip, name);
    AUTO_ERR unusable = to_ascii(written, &ascii);
    return unusable == NULL && strcasecmp(ascii, name) == 0;
}

bool pki_name_is(const char *written, const char *name)
{
    if (strcasecmp(written, name) == 0)
        return true;
    bool plain = is_ascii(written) && strchr(written, ':') == NULL;
    return !plain && means(written, name);
}
