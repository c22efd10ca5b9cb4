/* SPDX-License-Identifier: Apache-2.0 */
#include "net/trust.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/easy.h"

#define FILE_MAX ((size_t)4 << 20)
#define BEGIN "-----BEGIN " /* CERTIFICATE, or TRUSTED CERTIFICATE, which OpenSSL reads as well */

/* Whatever is wrong is the setting's fault: "not found" would be taken for what was asked for. */
static struct err *check(const char *file)
{
    auto_free char *pem = NULL;
    AUTO_ERR e = file_read(file, FILE_MAX, &pem);
    if (e == NULL && strstr(pem, BEGIN) != NULL)
        return NULL;
    auto_free char *why = e != NULL ? x_strdup(e->message) : x_printf("%s has none", file);
    return err_new(ERR_INVALID, "InvalidTrust",
                   "SSL_CERT_FILE is to name a file with the certificates of CAs in PEM: %s", why);
}

struct err *trust_init(struct trust *t, const char *file, const char *folders)
{
    *t = (struct trust){0};
    if (!str_empty(file))
        TRY(check(file));
    t->file = str_empty(file) ? NULL : x_strdup(file);
    t->folders = str_empty(folders) ? NULL : x_strdup(folders);
    return NULL;
}

void trust_release(struct trust *t)
{
    free(t->file);
    free(t->folders);
    *t = (struct trust){0};
}

/* libcurl reads no variable; what is not set here is what it was built with. */
static void set_system(const struct trust *t, CURL *easy)
{
    if (t->file != NULL) {
        EASY_SET(easy, CURLOPT_CAINFO, t->file);
        EASY_SET(easy, CURLOPT_PROXY_CAINFO, t->file);
    }
    if (t->folders != NULL) {
        EASY_SET(easy, CURLOPT_CAPATH, t->folders);
        EASY_SET(easy, CURLOPT_PROXY_CAPATH, t->folders);
    }
}

void trust_set(const struct trust *t, CURL *easy, const char *ca_pem)
{
    set_system(t, easy);
    if (ca_pem == NULL)
        return;
    /* It is only read; the field is not const because it may also own a copy. */
    struct curl_blob ca = {
        .data = (void *)(uintptr_t)ca_pem, .len = strlen(ca_pem), .flags = CURL_BLOB_NOCOPY};
    EASY_SET(easy, CURLOPT_CAINFO_BLOB, &ca);
    EASY_SET(easy, CURLOPT_CAPATH, (char *)NULL); /* else the system's CAs are trusted beside it */
}
