/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's signing and the checks of what came out, on OpenSSL directly: an opinion of its own. */
#ifndef CERTROLL_TESTS_SIM_SIM_PKI_H
#define CERTROLL_TESTS_SIM_SIM_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "json/json.h"

/* Makes OpenSSL draw from that seed, so that keys and signatures are the same in each run. thorough: signatures are
 * made and verified, and no seals (sim_seal.h). */
void sim_pki_seed(uint64_t seed, bool thorough);
/* The root and the intermediate, once for all runs. */
void sim_pki_init(void);

/* Signs what a DER CSR asks for: PEM, leaf and intermediate; owned. NULL when the CSR cannot be read. */
char *sim_pki_issue(const void *csr_der, size_t len, const struct strlist *names,
                    int64_t not_before, int64_t not_after);

/* The same for a PEM CSR and the names that it carries. */
char *sim_pki_issue_as_asked(const char *csr_pem, int64_t not_before, int64_t not_after);

/* Is that JWS (flattened, RFC 7515 section 7.2.2) signed with ES256 by the key of that JWK? */
bool sim_pki_jws_verifies(const json_t *jws, const json_t *jwk);

/* Is the key of that JWK the certificate's (base64url of its DER)? */
bool sim_pki_jwk_is_of(const json_t *jwk, const char *der);

/* Does the key belong to the first certificate? False for what cannot be read. */
bool sim_pki_pair_matches(const char *crt_pem, const char *key_pem);
/* Does the chain lead to our root, or is it one certificate signed by itself? */
bool sim_pki_chain_verifies(const char *chain_pem, int64_t now);
/* The DNS names of the first certificate, sorted, and when it ends (wall ns, 0 = unreadable). */
int64_t sim_pki_read(const char *crt_pem, struct strlist *dns_names);
/* By what name renewal information is asked for the first certificate (RFC 9773). Owned; NULL for what cannot be read. */
char *sim_pki_renewal_id(const char *crt_pem);

#endif
