/* SPDX-License-Identifier: Apache-2.0 */
/* A Certificate's spec in the terms of pki/, and when it wants to be renewed. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/certificate.h"

static const char *const default_usages[] = {"digital signature", "key encipherment"};

static void copy_list(struct strlist *to, const struct bind_strings *from)
{
    for (size_t i = 0; i < from->len; i++)
        strlist_add(to, from->items[i]);
}

static void copy_names(const struct certificate_spec *spec, struct pki_names *n)
{
    const struct certificate_subject *s = &spec->subject;
    n->common_name = str_empty(spec->common_name) ? NULL : x_strdup(spec->common_name);
    copy_list(&n->dns, &spec->dns_names);
    copy_list(&n->ips, &spec->ip_addresses);
    copy_list(&n->uris, &spec->uris);
    copy_list(&n->emails, &spec->email_addresses);
    copy_list(&n->organizations, &s->organizations);
    copy_list(&n->countries, &s->countries);
    copy_list(&n->organizational_units, &s->organizational_units);
    copy_list(&n->localities, &s->localities);
    copy_list(&n->provinces, &s->provinces);
    copy_list(&n->street_addresses, &s->street_addresses);
    copy_list(&n->postal_codes, &s->postal_codes);
    n->serial_number = str_empty(s->serial_number) ? NULL : x_strdup(s->serial_number);
}

struct bind_strings wanted_usages(const struct certificate_spec *spec)
{
    if (spec->usages.len > 0)
        return spec->usages;
    return (struct bind_strings){default_usages, ARRAY_LEN(default_usages)};
}

static struct err *key_spec(const struct certificate_private_key *k, struct wanted *w)
{
    w->rotate = !str_eq(k->rotation_policy, "Never");
    w->encoding = str_eq(k->encoding, "PKCS8") ? PKI_PKCS8 : PKI_PKCS1;
    if (str_eq(k->algorithm, "ECDSA"))
        w->key.algorithm = PKI_ECDSA;
    else if (str_eq(k->algorithm, "Ed25519"))
        w->key.algorithm = PKI_ED25519;
    else
        w->key.algorithm = PKI_RSA;
    if (k->size < 0 || k->size > 8192)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "spec.privateKey.size: %lld: write 2048 to 8192 for RSA, 256, 384 or 521 "
                       "for ECDSA",
                       (long long)k->size);
    w->key.size = (int)k->size;
    return NULL;
}

static struct err *check_times(const struct certificate_spec *spec, int64_t duration)
{
    if (duration < NS_PER_HOUR)
        return err_new(ERR_INVALID, "InvalidSpec", "spec.duration: write at least 1h");
    if (spec->renew_before != 0 && spec->renew_before >= duration)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "spec.renewBefore: write less than the duration of the certificate");
    return NULL;
}

struct err *wanted_from_spec(const struct certificate_spec *spec, struct wanted *ret_wanted)
{
    AUTO(wanted_release) struct wanted w = {0};
    copy_names(spec, &w.names);
    TRY(pki_names_normalize(&w.names), "spec");
    TRY(pki_usages_build(&spec->usages, spec->is_ca, &w.usages), "spec.usages");
    TRY(key_spec(&spec->private_key, &w));
    w.duration = spec->duration != 0 ? spec->duration : CERTIFICATE_DEFAULT_DURATION;
    TRY(check_times(spec, w.duration));
    *ret_wanted = w;
    w = (struct wanted){0};
    return NULL;
}

void wanted_release(struct wanted *w)
{
    pki_names_release(&w->names);
    pki_usages_release(&w->usages);
}

int64_t renewal_time(const struct certificate_spec *spec, int64_t not_before, int64_t not_after)
{
    int64_t life = not_after - not_before;
    int64_t before = life / 3;
    if (life < 10 * NS_PER_DAY)
        before = life / 2;
    if (spec->renew_before_percentage > 0 && spec->renew_before_percentage < 100)
        before = life / 100 * spec->renew_before_percentage;
    /* A CA may issue for less than was asked: never renew in a loop because of that. */
    if (spec->renew_before > 0 && spec->renew_before < life)
        before = spec->renew_before;
    int64_t at = not_after - before;
    return at - at % NS_PER_SEC;
}
