/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on their way to servers and back, many at once: UDP, and TCP when an answer does not fit. Sockets never
 * block; the calling thread waits for all of them, for the stop token and for the deadline at once. Internal to this
 * room.
 */
#ifndef CERTROLL_NET_DNS_FLIGHT_H
#define CERTROLL_NET_DNS_FLIGHT_H

#include "base/stop.h"
#include "net/dns_ask.h"
#include "net/dns_servers.h"

#define DNS_FLIGHTS_MAX DNS_ASK_SERVERS_MAX

/* How long, and who may end it earlier. */
struct dns_wait {
    int wake_fd;        /* readable = give up; -1 = nobody says so */
    int64_t deadline;   /* mono ns */
    int64_t resend;     /* ns after which a datagram without an answer goes again; 0 = never */
    struct stop *token; /* listened to; NULL for a part of another wait */
    struct stop_listener listener;
};
/* Until timeout ns from now, or the token is set. ERR_TRANSIENT when no file descriptor is left. The wait may not
 * move before dns_wait_end(). */
struct err *dns_wait_begin(struct dns_wait *w, const struct stop *stop, int64_t timeout) MUST_CHECK;
void dns_wait_end(struct dns_wait *w);
#define AUTO_DNS_WAIT AUTO(dns_wait_end) struct dns_wait

enum dns_heard {
    DNS_HEARD_NOTHING, /* not ours: as if nothing had come; an error over TCP */
    DNS_HEARD_CUT,     /* again over TCP */
    DNS_HEARD_AGAIN,   /* the message is another one now: again as before; at most once */
    DNS_HEARD_ALL,
};

enum dns_flight_phase { DNS_FLIGHT_LANDED, DNS_FLIGHT_UDP, DNS_FLIGHT_SEND, DNS_FLIGHT_RECEIVE };

/* One message to one server. What is borrowed has to stay until dns_fly() returns. */
struct dns_flight {
    const union dns_address *server;
    const unsigned char *data;
    const size_t *len; /* at most 65535; read again after DNS_HEARD_AGAIN */
    bool tcp;          /* from the start, or because the answer was cut */
    enum dns_heard (*hear)(void *arg, const unsigned char *data, size_t len, bool tcp);
    void *arg;
    struct err *failed; /* owned; set before: it is not sent. ERR_TRANSIENT: DNSFailed, Timeout */

    /* What follows is dns_flight.c's. */
    enum dns_flight_phase phase;
    int fd;
    unsigned strangers;
    int64_t resend_at;
    unsigned char *bytes; /* of TCP: the length of 2 bytes, and the message */
    size_t done, want;
};

/* Blocks until each has failed or hear() has said DNS_HEARD_ALL. A fresh socket and so a fresh source port each
 * time; what comes from elsewhere is not looked at. An error is ERR_CANCELLED, or the kernel's when it cannot wait;
 * nothing is left to free then. At most DNS_FLIGHTS_MAX. */
struct err *dns_fly(struct dns_flight *flights, size_t count, const struct dns_wait *wait)
    MUST_CHECK;

#endif
