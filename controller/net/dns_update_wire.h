/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates to bytes, and bytes to what they say about an update. TSIG records are put together here: ldns 1.8 misspells
 * one of the algorithms and lacks another. Internal to this room.
 */
#ifndef CERTROLL_NET_DNS_UPDATE_WIRE_H
#define CERTROLL_NET_DNS_UPDATE_WIRE_H

#include "net/dns_update.h"

#define DNS_UPDATE_MAX 2048       /* bytes: four names, a text and a MAC */
#define DNS_UPDATE_REPLY_MAX 4096 /* it repeats the update at most */
#define DNS_TSIG_FUDGE 300        /* s between the clocks (RFC 8945 section 10) */

/* What was sent, and what its answer is checked with. */
struct dns_update_message {
    unsigned char data[DNS_UPDATE_MAX];
    size_t len;
    const struct dns_tsig *tsig; /* borrowed; NULL: not signed */
    char key_name[DNS_NAME_MAX + 1];
    char algorithm[DNS_NAME_MAX + 1];
    unsigned char mac[DNS_MAC_MAX];
    size_t mac_len;
};
/* now is wall ns. ERR_INVALID: InvalidName for zone, name, key or algorithm, InvalidText for what is longer than 255
 * bytes. */
struct err *dns_update_build(const struct dns_update *u, uint16_t id, int64_t now,
                             struct dns_update_message *ret_message) MUST_CHECK;

enum dns_signature {
    DNS_UNSIGNED,  /* no TSIG record, or one without a MAC */
    DNS_SIGNED,    /* and the signature is right */
    DNS_MISSIGNED, /* and it is not */
};
/* RFC 8945 section 3. */
enum dns_tsig_error {
    DNS_TSIG_BADSIG = 16,
    DNS_TSIG_BADKEY = 17,
    DNS_TSIG_BADTIME = 18,
    DNS_TSIG_BADTRUNC = 22,
};
struct dns_update_reply {
    unsigned rcode;
    enum dns_signature signature;
    unsigned tsig_error;
    int64_t signed_at;   /* wall s, DNS_SIGNED */
    int64_t server_time; /* wall s, with DNS_TSIG_BADTIME; 0 = not told */
};
/* Any bytes are safe; false for what is malformed. That the id is ours is for the caller to know. */
bool dns_update_read(const struct dns_update_message *sent, const unsigned char *data, size_t len,
                     struct dns_update_reply *ret_reply);

#endif
