/* SPDX-License-Identifier: Apache-2.0 */
/* `revoke`: has the CA revoke a certificate, through the annotation that says so. */
#include "api/group.h"
#include "api/kinds.h"
#include "api/revocation.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/lookup.h"

static struct err *check(const struct cli *cli, const char *const *args)
{
    const struct cli_flags *f = &cli->flags;
    struct revocation_request r;
    if (args[0] == NULL || args[1] != NULL)
        return err_new(ERR_INVALID, "InvalidUsage", "write the name of one Certificate");
    const char *colon = f->serial != NULL ? ":" : "";
    auto_free char *wish =
        x_printf("%s%s%s", str_or(f->reason, "unspecified"), colon, str_or(f->serial, ""));
    return err_wrap(revocation_request_parse(wish, &r), "--reason, --serial");
}

/* The wish names the certificate: what is in the Secret when it is read may be another one. */
static struct err *serial_of(const struct cli *cli, const struct chain *chain,
                             const char **ret_serial)
{
    *ret_serial = cli->flags.serial;
    if (*ret_serial != NULL)
        return NULL;
    if (!chain->secret.has_leaf)
        return err_new(ERR_NOT_FOUND, "NoCertificate",
                       "Secret %s cannot tell which certificate is meant (%s): write --serial",
                       chain->crt->spec.secret_name,
                       chain->errs[CHAIN_SECRET] != NULL ? chain->errs[CHAIN_SECRET]->message
                                                         : "it is not there");
    *ret_serial = chain->secret.leaf.serial;
    return NULL;
}

static struct err *run(struct cli *cli, const char *const *args)
{
    AUTO(chain_release) struct chain chain = {0};
    TRY(lookup_certificate(cli, args[0], 1U << CHAIN_SECRET, &chain));
    const struct object_meta *meta = &chain.crt->obj.meta;
    const char *serial = NULL;
    TRY(serial_of(cli, &chain, &serial));
    auto_free char *wish = x_printf("%s:%s", str_or(cli->flags.reason, "unspecified"), serial);
    const struct kube_ref ref = {
        .res = &kind_certificate.res, .ns = meta->namespace, .name = meta->name};
    json_auto_t *body = json_build("{s:{s:s,s:{s:s}}}", "metadata", "uid", meta->uid, "annotations",
                                   API_REVOKE, wish);
    TRY(kube_merge_patch(cli->kube, &ref, body, NULL));
    buf_putf(&cli->out,
             "Asked to revoke certificate %s of Certificate %s/%s; `%s why %s` and its "
             "status.revocation tell how that ends\n",
             serial, meta->namespace, meta->name, cli->name, meta->name);
    return NULL;
}

const struct verb verb_revoke = {
    .name = "revoke",
    .arguments = "NAME [--reason REASON] [--serial HEX]",
    .help = "have the CA revoke a certificate; a new one takes its place",
    .flags = VERB_REVOKES,
    .check = check,
    .run = run,
};
