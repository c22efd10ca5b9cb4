/* SPDX-License-Identifier: Apache-2.0 */
/* The group is chosen once in the life of a process, so each test that chooses one is a process. */
#include "api/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/common.h"
#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

/* The first thing that is not as it should be, 0 = nothing. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static void in_a_process(int (*fn)(void))
{
    int wrong[2] = {-1, -1};
    assert_int_equal(pipe(wrong), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int line = fn();
        _exit(write(wrong[1], &line, sizeof(line)) == (ssize_t)sizeof(line) ? 0 : 1);
    }
    int status = -1, line = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(wrong[0], &line, sizeof(line)), sizeof(line));
    close(wrong[0]);
    close(wrong[1]);
    if (line != 0)
        fail_msg("%s:%d", __FILE__, line);
}

static bool succeeds(struct err *e)
{
    bool ok = e == NULL;
    err_free(e);
    return ok;
}

static int choose_ours(void)
{
    MUST(succeeds(api_init("certroll.dev")));
    const struct api_names *n = api_names();
    MUST(str_eq(n->group, "certroll.dev") && str_eq(n->acme_group, "acme.certroll.dev"));
    MUST(str_eq(n->field_manager, "certroll"));
    MUST(str_eq(n->certificate_name, "certroll.dev/certificate-name"));
    MUST(str_eq(n->certificate_revision, "certroll.dev/certificate-revision"));
    MUST(str_eq(n->private_key_secret_name, "certroll.dev/private-key-secret-name"));
    MUST(str_eq(n->issuer_name, "certroll.dev/issuer-name"));
    MUST(str_eq(n->issuer_kind, "certroll.dev/issuer-kind"));
    MUST(str_eq(n->issuer_group, "certroll.dev/issuer-group"));
    MUST(str_eq(n->common_name, "certroll.dev/common-name"));
    MUST(str_eq(n->alt_names, "certroll.dev/alt-names"));
    MUST(str_eq(n->ip_sans, "certroll.dev/ip-sans"));
    MUST(str_eq(n->uri_sans, "certroll.dev/uri-sans"));
    MUST(str_eq(n->email_sans, "certroll.dev/email-sans"));
    MUST(str_eq(n->subject_organizations, "certroll.dev/subject-organizations"));
    MUST(str_eq(n->subject_organizational_units, "certroll.dev/subject-organizationalunits"));
    MUST(str_eq(n->subject_countries, "certroll.dev/subject-countries"));
    MUST(str_eq(n->subject_provinces, "certroll.dev/subject-provinces"));
    MUST(str_eq(n->subject_localities, "certroll.dev/subject-localities"));
    MUST(str_eq(n->subject_postal_codes, "certroll.dev/subject-postalcodes"));
    MUST(str_eq(n->subject_street_addresses, "certroll.dev/subject-streetaddresses"));
    MUST(str_eq(n->subject_serial_number, "certroll.dev/subject-serialnumber"));
    MUST(str_eq(n->next_private_key, "certroll.dev/next-private-key"));
    MUST(str_eq(n->fao, "controller.certroll.dev/fao"));
    MUST(str_eq(n->http01_solver, "acme.certroll.dev/http01-solver"));
    MUST(str_eq(kind_certificate.res.group, "certroll.dev"));
    MUST(str_eq(kind_certificate_request.res.group, "certroll.dev"));
    MUST(str_eq(kind_issuer.res.group, "certroll.dev"));
    MUST(str_eq(kind_cluster_issuer.res.group, "certroll.dev"));
    MUST(str_eq(kind_order.res.group, "acme.certroll.dev"));
    MUST(str_eq(kind_challenge.res.group, "acme.certroll.dev"));
    return 0;
}

static int choose_the_drop_in(void)
{
    MUST(succeeds(api_init("cert-manager.io")));
    const struct api_names *n = api_names();
    MUST(str_eq(n->acme_group, "acme.cert-manager.io"));
    MUST(str_eq(n->field_manager, "cert-manager-certificates-issuing"));
    MUST(str_eq(n->certificate_name, "cert-manager.io/certificate-name"));
    MUST(str_eq(n->fao, "controller.cert-manager.io/fao"));
    MUST(str_eq(n->http01_solver, "acme.cert-manager.io/http01-solver"));
    MUST(str_eq(kind_certificate.res.group, "cert-manager.io"));
    MUST(str_eq(kind_challenge.res.group, "acme.cert-manager.io"));
    const struct issuer_ref bare = {.name = "i"};
    const struct issuer_ref ours = {.name = "i", .group = "certroll.dev"};
    MUST(str_eq(issuer_ref_group(&bare), "cert-manager.io"));
    MUST(issuer_ref_is_ours(&bare) && !issuer_ref_is_ours(&ours));
    return 0;
}

/* The group is copied: a flag's text may go away. */
static int choose_and_forget(void)
{
    char group[] = "certs.example.org";
    MUST(succeeds(api_init(group)));
    memset(group, 'x', strlen(group));
    MUST(str_eq(api_names()->group, "certs.example.org"));
    MUST(str_eq(api_names()->field_manager, "certroll"));
    MUST(str_eq(kind_order.res.group, "acme.certs.example.org"));
    return 0;
}

static int choose_twice(void)
{
    MUST(succeeds(api_init("certroll.dev")));
    struct err *e = api_init("cert-manager.io");
    MUST(err_is(e, ERR_BUG));
    err_free(e);
    MUST(str_eq(api_names()->group, "certroll.dev"));
    return 0;
}

static void our_group_names_everything(void **state)
{
    (void)state;
    in_a_process(choose_ours);
}

static void the_drop_in_has_cert_managers_names(void **state)
{
    (void)state;
    in_a_process(choose_the_drop_in);
}

static void any_other_group_is_ours_to_choose(void **state)
{
    (void)state;
    in_a_process(choose_and_forget);
}

static void the_group_is_chosen_once(void **state)
{
    (void)state;
    in_a_process(choose_twice);
}

static void a_group_is_a_dns_name_with_a_dot(void **state)
{
    (void)state;
    static const char *const groups[] = {
        "",        "certroll", "a b.dev", "Certroll.dev",    ".dev",     "dev.", "a..b", "a_b.dev",
        "a/b.dev", "-a.dev",   "a-.b-",   "certroll.dev/v1", "a.b\nc.d", "*.dev"};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        expect_err(api_init(groups[i]), ERR_INVALID, "InvalidFlag", "--api-group");
        assert_null(api_names()->group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_group_names_everything),
        cmocka_unit_test(the_drop_in_has_cert_managers_names),
        cmocka_unit_test(any_other_group_is_ours_to_choose),
        cmocka_unit_test(the_group_is_chosen_once),
        cmocka_unit_test(a_group_is_a_dns_name_with_a_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
