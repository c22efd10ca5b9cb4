/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's default provider without the encoders and decoders of keys that no life has: for each key that is
 * read, OpenSSL compares the names of all of them.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_PROVIDER_H
#define CERTROLL_TESTS_SIM_SIM_PROVIDER_H

/* Once, before OpenSSL is used. */
void sim_provider_init(void);

#endif
