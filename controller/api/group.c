/* SPDX-License-Identifier: Apache-2.0 */
#include "api/group.h"

#include <stddef.h>
#include <string.h>

#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/object.h"

static struct api_names names;

const struct api_names *api_names(void)
{
    return &names;
}

struct name_row {
    size_t offset;
    const char *suffix;
};
#define ROW(member, suffix_)                                                                       \
    {                                                                                              \
        offsetof(struct api_names, member), (suffix_)                                              \
    }

static const struct name_row rows[] = {
    ROW(certificate_name, "certificate-name"),
    ROW(certificate_revision, "certificate-revision"),
    ROW(private_key_secret_name, "private-key-secret-name"),
    ROW(issuer_name, "issuer-name"),
    ROW(issuer_kind, "issuer-kind"),
    ROW(issuer_group, "issuer-group"),
    ROW(common_name, "common-name"),
    ROW(alt_names, "alt-names"),
    ROW(ip_sans, "ip-sans"),
    ROW(uri_sans, "uri-sans"),
    ROW(email_sans, "email-sans"),
    ROW(subject_organizations, "subject-organizations"),
    ROW(subject_organizational_units, "subject-organizationalunits"),
    ROW(subject_countries, "subject-countries"),
    ROW(subject_provinces, "subject-provinces"),
    ROW(subject_localities, "subject-localities"),
    ROW(subject_postal_codes, "subject-postalcodes"),
    ROW(subject_street_addresses, "subject-streetaddresses"),
    ROW(subject_serial_number, "subject-serialnumber"),
    ROW(next_private_key, "next-private-key"),
};

/* The names live as long as the process: there is one group, chosen at start. */
static void set_name(size_t offset, char *value)
{
    memcpy((char *)&names + offset, &value, sizeof(value));
}

struct err *api_init(const char *group)
{
    if (!name_is_subdomain(group) || strchr(group, '.') == NULL)
        return err_new(ERR_INVALID, "InvalidFlag",
                       "--api-group: \"%s\" is not a DNS name such as " API_DEFAULT_GROUP, group);
    if (names.group != NULL)
        return err_new(ERR_BUG, "InitTwice", "the API group is already set to %s", names.group);
    set_name(offsetof(struct api_names, group), x_strdup(group));
    set_name(offsetof(struct api_names, acme_group), x_printf("acme.%s", group));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        set_name(rows[i].offset, x_printf("%s/%s", group, rows[i].suffix));
    set_name(offsetof(struct api_names, fao), x_printf("controller.%s/fao", group));
    set_name(offsetof(struct api_names, http01_solver), x_printf("acme.%s/http01-solver", group));
    set_name(offsetof(struct api_names, dns01_finalizer), x_printf("acme.%s/finalizer", group));
    names.field_manager =
        str_eq(group, "cert-manager.io") ? "cert-manager-certificates-issuing" : "certroll";
    kinds_set_group(names.group, names.acme_group);
    return NULL;
}
