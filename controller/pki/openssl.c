/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of OpenSSL: start, error queue, memory BIOs. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/str.h"
#include "pki/internal.h"

void pki_init(void)
{
    openssl_must(OPENSSL_init_ssl(0, NULL) == 1);
#ifndef CERTROLL_SANITIZED
    /* A core dump would hold every key in memory. A leak checker needs
     * ptrace, which this forbids: hence the guard. */
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        abort();
#endif
}

int openssl_scope_begin(void)
{
    ERR_clear_error();
    return 0;
}

void openssl_scope_end(int *scope)
{
    (void)scope;
    ERR_clear_error();
}

struct err *openssl_err(enum err_kind kind, const char *reason, const char *what)
{
    /* The first error is the cause; those after it say who passed it on. */
    const char *text = ERR_reason_error_string(ERR_peek_error());
    if (text == NULL)
        return err_new(kind, reason, "%s", what);
    return err_new(kind, reason, "%s: %s", what, text);
}

struct err *err_as(struct err *e, const char *reason)
{
    if (e != NULL)
        str_copy(e->reason, sizeof(e->reason), reason);
    return e;
}

void openssl_must(bool ok)
{
    if (!ok)
        abort();
}

char *bio_to_string(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return len > 0 ? x_strndup(data, (size_t)len) : x_strdup("");
}
