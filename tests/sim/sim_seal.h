/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures by P-256 are a seventh of a life, and tell the same each time. But for thorough lives a JWS therefore
 * carries a seal over what is signed and by whom, and a certificate or request that was signed here is known as such by its
 * bytes: what was changed, or is of another key, is found out as before. The linker leads OpenSSL's functions here
 * (Makefile, SIM_WRAPPED).
 */
#ifndef CERTROLL_TESTS_SIM_SIM_SEAL_H
#define CERTROLL_TESTS_SIM_SIM_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#define SIM_SEAL_COORDINATE 32 /* bytes, P-256 */
#define SIM_SEAL_SIZE ((size_t)2 * SIM_SEAL_COORDINATE)

/* Forgets the last life, but not what was signed before the first. */
void sim_seal_begin(bool thorough);
void sim_seal_end(void);

/* Does that signature (r and s) seal the text, by the key with that public point (x and y)? Not in thorough lives. */
bool sim_seal_verifies(const unsigned char signature[SIM_SEAL_SIZE], const char *text,
                       const unsigned char point[SIM_SEAL_SIZE]);

#endif
