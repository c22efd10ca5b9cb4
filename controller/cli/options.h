/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `certroll controller` and `certroll solver`. */
#ifndef CERTROLL_CLI_OPTIONS_H
#define CERTROLL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/feature.h"

struct controller_flags {
    char *api_group;
    char *cluster_resource_namespace;
    char *config;
    char *kubeconfig;
    char *context;
    char *feature_gates;
    struct features features; /* as that says */
    char *namespace;
    char *nameservers;
    bool leader_elect;
    char *leader_election_namespace;
    int64_t http01_port; /* 0 = do not answer */
    char *http01_service;
    char *listen;
    char *log_format;
    char *log_level;
    char *prepare_namespaces;
    char *solver_image;
    int64_t solver_linger;
    int64_t failure_backoff_min;
    int64_t failure_backoff_max;
    int64_t renewal_jitter;
    int64_t workers;
    int64_t external_workers;
    bool allow_private_urls;
    bool cluster_issuer_ambient;
    bool issuer_ambient;
    bool trust_requesters;
    bool help;
};
/* argv ends with NULL and starts after the subcommand. The configuration file is read, too. */
struct err *controller_flags_parse(char *const *argv, struct controller_flags *ret_flags)
    MUST_CHECK;
void controller_flags_release(struct controller_flags *f);
void controller_flags_help(FILE *out);

struct solver_flags {
    char *listen;
    char *thumbprint; /* either this */
    char *forward;    /* or this: an URL that http01_forward_check() let pass */
    bool help;
};
struct err *solver_flags_parse(char *const *argv, struct solver_flags *ret_flags) MUST_CHECK;
void solver_flags_release(struct solver_flags *f);
void solver_flags_help(FILE *out);

#endif
