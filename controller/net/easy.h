/* SPDX-License-Identifier: Apache-2.0 */
/* Setting options of libcurl. */
#ifndef CERTROLL_NET_EASY_H
#define CERTROLL_NET_EASY_H

#include <curl/curl.h>
#include <stdlib.h>

/* Options are set from bounded, checked input and libcurl's memory never runs out (http_global.c): a refusal is a bug of
 * the caller. */
#define EASY_SET(easy, option, value)                                                              \
    do {                                                                                           \
        if (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)                               \
            abort();                                                                               \
    } while (0)

#endif
