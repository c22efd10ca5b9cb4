/* SPDX-License-Identifier: Apache-2.0 */
/* `http01`: lines that make a web server of one's own answer the challenges of an Issuer (http01.external). */
#include "api/kinds.h"
#include "base/str.h"
#include "cli/lookup.h"
#include "http01/external.h"
#include "http01/responder.h"

/* "NAME", "issuer NAME", "clusterissuer NAME". */
static struct err *read_target(const char *const *args, bool *ret_cluster, const char **ret_name)
{
    bool two = args[0] != NULL && args[1] != NULL;
    bool cluster = two && strcasecmp(args[0], "clusterissuer") == 0;
    bool issuer = two && strcasecmp(args[0], "issuer") == 0;
    if (args[0] == NULL || (two && (args[2] != NULL || (!cluster && !issuer))))
        return err_new(ERR_INVALID, "InvalidUsage",
                       "write the name of an Issuer, or clusterissuer NAME");
    *ret_cluster = cluster;
    *ret_name = args[two ? 1 : 0];
    return NULL;
}

static struct err *check(const struct cli *cli, const char *const *args)
{
    bool cluster = false;
    const char *name = NULL;
    TRY(read_target(args, &cluster, &name));
    return cluster ? NULL : cli_one_namespace(cli);
}

static struct err *run(struct cli *cli, const char *const *args)
{
    bool cluster = false;
    const char *name = NULL;
    TRY(read_target(args, &cluster, &name));
    const struct kube_kind *kind = cluster ? &kind_cluster_issuer : &kind_issuer;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(lookup_object(cli, kind, cluster ? NULL : cli->ns, name, (const void **)&issuer));
    const char *thumbprint = issuer->status.acme.thumbprint;
    if (!http01_thumbprint_is_valid(thumbprint))
        return err_new(ERR_NOT_FOUND, "NotRegistered",
                       "%s %s shows no thumbprint: it has one once it is an acme issuer with an "
                       "account (Ready)",
                       kind->res.kind, name);
    http01_external_lines(thumbprint, &cli->out);
    return NULL;
}

const struct verb verb_http01 = {
    .name = "http01",
    .arguments = "NAME | clusterissuer NAME",
    .help = "print lines for a web server that answers an Issuer's challenges",
    .check = check,
    .run = run,
};
