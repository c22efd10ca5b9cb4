/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as the API gives them, for the tests of this room. MORE ends with a comma or is "". */
#ifndef CERTROLL_TESTS_CLI_OBJECTS_H
#define CERTROLL_TESTS_CLI_OBJECTS_H

#define META(name, uid, more)                                                                      \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"" uid                      \
    "\",\"resourceVersion\":\"7\",\"generation\":2," more                                          \
    "\"creationTimestamp\":\"2026-11-21T11:00:00Z\"}"
#define OWNED(kind, name, uid)                                                                     \
    "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"" kind "\",\"name\":\"" name           \
    "\",\"uid\":\"" uid "\",\"controller\":true}],"
#define COND(type, status, reason, message)                                                        \
    "{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                        \
    "\",\"message\":\"" message "\",\"lastTransitionTime\":\"2026-11-21T11:30:00Z\"}"

/* status: members with a comma at the end, or "". */
#define CRT(name, issuer, status, conditions)                                                      \
    "{" META(name, "crt-" name, "") ",\"spec\":{\"secretName\":\"" name                            \
                                    "-tls\",\"dnsNames\":[\"" name                                 \
                                    ".example.com\"],\"issuerRef\":{" issuer                       \
                                    "}},\"status\":{" status "\"conditions\":[" conditions "]}}"
#define CRT_PATH(name) "/apis/certroll.dev/v1/namespaces/ns/certificates/" name
#define BY_LE "\"name\":\"le\""

#define ISSUER(name, conditions)                                                                   \
    "{" META(name, "issuer-" name, "") ",\"spec\":{\"selfSigned\":{}},\"status\":{"                \
                                       "\"conditions\":[" conditions "]}}"
#define ISSUER_PATH(name) "/apis/certroll.dev/v1/namespaces/ns/issuers/" name

/* revision: of the Certificate "web". */
#define REQUEST(name, revision, conditions)                                                        \
    "{" META(name, "cr-" name,                                                                     \
             "\"annotations\":{\"certroll.dev/certificate-revision\":\"" revision                  \
             "\"}," OWNED("Certificate", "web",                                                    \
                          "crt-web")) ",\"spec\":{\"request\":\"cnVi\",\"issuerRef\":{" BY_LE      \
                                      "}},\"status\":{\"conditions\":[" conditions "]}}"
/* whose: "attempt" or "command". */
#define PREFLIGHT(name, whose, conditions)                                                         \
    "{" META(                                                                                      \
        name, "cr-" name,                                                                          \
        "\"annotations\":{\"certroll.dev/preflight\":\"" whose "\"}," OWNED(                       \
            "Certificate", "web",                                                                  \
            "crt-web")) ",\"spec\":{\"request\":\"cnVi\",\"issuerRef\":{\"name\":\"staging\"}},"   \
                        "\"status\":{\"conditions\":[" conditions "]}}"
#define REQUESTS_PATH "/apis/certroll.dev/v1/namespaces/ns/certificaterequests"

/* Of the CertificateRequest "web-1"; status: members. */
#define ORDER(name, status)                                                                        \
    "{" META(name, "order-" name,                                                                  \
             OWNED("CertificateRequest", "web-1",                                                  \
                   "cr-web-1")) ",\"spec\":{\"request\":\"cnVi\",\"dnsNames\":[\"web.example."     \
                                "com\"],\"issuerRef\":{" BY_LE "}},\"status\":{" status "}}"
#define ORDERS_PATH "/apis/acme.certroll.dev/v1/namespaces/ns/orders"

/* Of the Order "web-1-o". The thumbprint in its key names the solver. */
#define CHALLENGE(name, host, status)                                                              \
    "{" META(                                                                                      \
        name, "ch-" name,                                                                          \
        OWNED("Order", "web-1-o",                                                                  \
              "order-web-1-o")) ",\"spec\":{\"url\":\"https://ca/"                                 \
                                "c\",\"authorizationURL\":\"https://ca/a\",\"dnsName\":\"" host    \
                                "\",\"type\":\"HTTP-01\",\"token\":\"the-token-of-16+\",\"key\":"  \
                                "\"the-token-of-16+."                                              \
                                "thumb\",\"solver\":{},\"issuerRef\":{" BY_LE                      \
                                "}},\"status\":{" status "}}"
#define CHALLENGES_PATH "/apis/acme.certroll.dev/v1/namespaces/ns/challenges"

#endif
