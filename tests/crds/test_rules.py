# SPDX-License-Identifier: Apache-2.0
"""What the API server accepts and what it answers to the rest: exactly one complaint, at the right field, that
says what to write instead."""
import base64
import copy

import pytest

B64 = base64.b64encode(b"-----BEGIN").decode()
REF = {"name": "ca"}
ACME = {"server": "https://ca.example/dir", "privateKeySecretRef": {"name": "account"},
        "solvers": [{"http01": {"ingress": {}}}]}

# The smallest object of each kind.
SPECS = {
    "Certificate": {"secretName": "www-tls", "issuerRef": REF, "dnsNames": ["www.example.com"]},
    "CertificateRequest": {"request": B64, "issuerRef": REF},
    "Issuer": {"acme": ACME},
    "ClusterIssuer": {"selfSigned": {}},
    "Order": {"request": B64, "issuerRef": REF, "dnsNames": ["www.example.com"]},
    "Challenge": {"url": "https://ca.example/c/1", "authorizationURL": "https://ca.example/a/1", "type": "HTTP-01",
                  "dnsName": "www.example.com", "token": "t", "key": "t.p", "issuerRef": REF,
                  "solver": {"http01": {"ingress": {}}}},
}
LONG_NAME = ".".join(["a" * 63] * 3 + ["b" * 61])  # 253 characters
POD_SPEC = {
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    "tolerations": [{"key": "edge", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
    "priorityClassName": "high", "serviceAccountName": "solver", "imagePullSecrets": [{"name": "registry"}],
    "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": True, "fsGroup": 1000,
                        "fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [1001],
                        "seLinuxOptions": {"level": "s0", "role": "r", "type": "t", "user": "u"},
                        "seccompProfile": {"type": "RuntimeDefault"},
                        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
    "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": 1, "memory": "16Mi"}},
}

# Each field of the providers that cert-manager's v1 API has, and what its typed clients write for one that is left out.
A_KEY = {"name": "a", "key": "b"}
CERT_MANAGERS_PROVIDERS = [
    ("acmeDNS", {"host": "https://auth.example.com", "accountSecretRef": A_KEY}),
    ("akamai", {"serviceConsumerDomain": "akab-a.luna.akamaiapis.net", "clientTokenSecretRef": A_KEY,
                "clientSecretSecretRef": A_KEY, "accessTokenSecretRef": A_KEY}),
    ("azureDNS", {"subscriptionID": "a", "resourceGroupName": "b", "hostedZoneName": "example.com", "clientID": "c",
                  "tenantID": "d", "clientSecretSecretRef": A_KEY, "environment": "AzureChinaCloud",
                  "zoneType": "AzurePrivateZone"}),
    *[("azureDNS", {"subscriptionID": "a", "resourceGroupName": "b", "managedIdentity": identity}) for identity in (
        {"clientID": "c", "tenantID": "d"}, {"resourceID": "/subscriptions/x"})],
    ("cloudDNS", {"project": "a", "hostedZoneName": "b", "serviceAccountSecretRef": A_KEY}),
    ("cloudDNS", {"project": "a"}),
    ("cloudflare", {"email": "a@example.com", "apiKeySecretRef": A_KEY}),
    ("cloudflare", {"email": "a@example.com", "apiTokenSecretRef": A_KEY}),
    ("digitalocean", {"tokenSecretRef": A_KEY}),
    *[("rfc2136", {"nameserver": server, "tsigKeyName": "k", "tsigSecretSecretRef": A_KEY, "tsigAlgorithm": algorithm,
                   "protocol": "TCP"}) for server, algorithm in (
        ("192.0.2.53:53", "HMACMD5"), ("[2001:db8::53]:53", "hmacsha512"), ("[2001:db8::53]", "HMACSHA1"),
        ("ns1.example.com:5353", "HmacSha256"))],
    ("rfc2136", {"nameserver": "192.0.2.53", "tsigSecretSecretRef": {"name": ""}}),
    ("route53", {"region": "eu-central-1", "role": "arn:aws:iam::1:role/dns", "hostedZoneID": "Z1",
                 "secretAccessKeySecretRef": {"name": ""},
                 "auth": {"kubernetes": {"serviceAccountRef": {"name": "a", "audiences": ["b"]}}}}),
    ("route53", {"accessKeyID": "a", "secretAccessKeySecretRef": A_KEY}),
    ("route53", {"accessKeyIDSecretRef": A_KEY, "secretAccessKeySecretRef": A_KEY, "role": "arn:aws:iam::1:role/dns"}),
    ("route53", {"secretAccessKeySecretRef": {"name": ""}}),
    ("route53", {}),
    ("webhook", {"groupName": "acme.example.com", "solverName": "a", "config": {"any": {"shape": [1, "b", None]}}}),
    ("webhook", {"groupName": "acme.example.com", "solverName": "a"}),
]


# The longest URL of a CA that certroll takes: what it has heard it must be able to write down.
LONG_URL = "https://ca.example/".ljust(2048, "x")

# kind, what is set (or, with None, taken away) in the smallest spec.
ACCEPTED = [
    *[(kind, {}) for kind in SPECS],
    # Names.
    ("Certificate", {"dnsNames": ["example.com", "*.example.com", "xn--bcher-kva.example", "localhost", "_x.example",
                                  "UPPER.example", LONG_NAME]}),
    ("Certificate", {"dnsNames": ["bücher.example", "*.BÜCHER.example", "例え.test"], "profile": "shortlived"}),
    ("Certificate", {"dnsNames": [f"n{i}.example.com" for i in range(1000)]}),
    ("Certificate", {"dnsNames": [f"{i:03}{LONG_NAME[3:]}" for i in range(1000)]}),
    ("Certificate", {"dnsNames": None, "commonName": "x" * 64}),
    ("Certificate", {"dnsNames": None, "ipAddresses": ["192.0.2.7", "2001:db8::7", "::1"]}),
    ("Certificate", {"dnsNames": [], "uris": ["spiffe://example.org/ns/a", "urn:uuid:1", "https://e.org/%20?q#f"]}),
    ("Certificate", {"dnsNames": None, "emailAddresses": ["info@example.com"]}),
    ("Certificate", {"secretName": "a.b-c.9"}),
    ("Certificate", {"secretName": "a" * 253}),
    # Times.
    *[("Certificate", {"duration": value}) for value in ("1h", "2160h", "2160h0m0s", "90m", "3600s", "1h0.5s", "1.5h",
                                                         "999999h")],
    *[("Certificate", {"renewBefore": value}) for value in ("5m", "720h", "2159h59m59s", "1439.5h")],
    ("Certificate", {"duration": "24h", "renewBefore": "23h59m"}),
    ("Certificate", {"duration": "8760h", "renewBefore": "2161h"}),
    *[("Certificate", {"renewBeforePercentage": value}) for value in (1, 33, 99)],
    # The preflight.
    *[("Certificate", {"preflight": {"issuerRef": ref}}) for ref in (
        {"name": "staging"}, {"name": "ca", "kind": "ClusterIssuer"}, {"name": "ca", "kind": "X", "group": "e.org"})],
    # Keys.
    *[("Certificate", {"privateKey": value}) for value in (
        {}, {"size": 2048}, {"size": 8192}, {"algorithm": "RSA", "size": 3072}, {"algorithm": "ECDSA"},
        {"algorithm": "ECDSA", "size": 256}, {"algorithm": "ECDSA", "size": 384}, {"algorithm": "ECDSA", "size": 521},
        {"algorithm": "Ed25519", "encoding": "PKCS8"}, {"algorithm": "Ed25519", "size": 256},
        {"rotationPolicy": "Never", "encoding": "PKCS1"})],
    ("Certificate", {"revisionHistoryLimit": 1}),
    ("Certificate", {"usages": ["server auth", "client auth", "s/mime", "microsoft sgc"], "isCA": True,
                     "encodeUsagesInRequest": False, "rollout": {"enabled": True}}),
    ("Certificate", {"subject": {"organizations": ["o"], "countries": ["DE"], "organizationalUnits": ["ou"],
                                 "localities": ["l"], "provinces": ["p"], "streetAddresses": ["s"],
                                 "postalCodes": ["1"], "serialNumber": "7"}}),
    # Whatever there is, as big as it may be.
    ("Certificate", {"secretTemplate": {"annotations": {f"example.com/{i}": "x" for i in range(100)},
                                        "labels": {"app": "web"}}}),
    ("Certificate", {"secretTemplate": {"annotations": {"certroll": "x", "@G@/allow-direct-injection": "true"}}}),
    # Issuers.
    *[("Certificate", {"issuerRef": {"name": "ca", **ref}}) for ref in (
        {"kind": "Issuer"}, {"kind": "ClusterIssuer", "group": "@G@"}, {"group": "", "kind": ""},
        {"kind": "StepIssuer", "group": "certmanager.step.sm"})],
    ("ClusterIssuer", {"selfSigned": {"crlDistributionPoints": ["http://crl.example/1"]}}),
    *[("Issuer", {"acme": {**ACME, **more}}) for more in (
        {"solvers": None}, {"email": "a@example.com", "preferredChain": "ISRG Root X2", "profile": "shortlived"},
        {"preferredChain": "spki:" + "0aF9" * 16}, {"preferredProfile": "tlsserver", "renewalInfo": "disabled"}, {"profile": "", "preferredProfile": "tlsserver"},
        {"caBundle": B64}, {"skipTLSVerify": True}, {"caBundle": B64, "skipTLSVerify": False}, {"polling": "hint"}, {"caa": "check"}, {"caa": "off"},
        {"externalAccountBinding": {"keyID": "kid-1", "keySecretRef": {"name": "eab", "key": "secret"},
                                    "keyAlgorithm": "HS384"}},
        *[{"accountKey": key} for key in ({}, {"algorithm": "ES256"}, {"algorithm": "EdDSA"},
                                          {"algorithm": "RS256", "size": 3072}, {"rotateAfter": "24h"},
                                          {"rotateAfter": "2160h30m"})],
        {"disableAccountKeyGeneration": True, "privateKeySecretRef": {"name": "a", "key": "k"}, "polling": "early"},
        {"server": "https://127.0.0.1:14000/dir"}, {"server": "https://[2001:db8::7]:14000/dir"})],
    ("Issuer", {"acme": {**ACME, "limits": {}}}),
    *[("Issuer", {"acme": {**ACME, "prepare": hook}}) for hook in (
        {"http": {"url": "https://fw.example/acme", "method": "PUT", "headersFrom": {"name": "h"}, "timeout": "60s"}},
        {"http": {"url": "http://fw.infra.svc/"}},
        {"job": {"template": {"spec": {"template": {"spec": {"containers": []}}}}, "undo": {"metadata": {}},
                 "timeout": "1h"}})],
    ("Issuer", {"acme": {**ACME, "limits": {
        "ordersPerAccount": {"count": 300, "period": "3h"}, "failedAuthorizations": {"count": 0, "period": "1s"},
        "certificatesPerRegisteredDomain": {"count": 50, "period": "168h"}, "maxIssuancesPerDay": 0,
        "certificatesPerExactSet": {"count": 1000000000, "period": "8784h0m0s"}}}}),
    *[("Issuer", {"acme": {**ACME, "solvers": [{"dns01": {
        "cloudflare": {"apiTokenSecretRef": {"name": "cf", "key": "token"}}, **more}}]}}) for more in (
        {}, {"cnameStrategy": "None"}, {"challengeType": "dns-01"}, {"challengeType": "dns-account-01"},
        {"selfCheck": {"mode": "wait", "wait": "2m"}}, {"selfCheck": {"mode": "none"}},
        {"selfCheck": {"nameservers": ["192.0.2.53:5353"]}},
        {"selfCheck": {"mode": "resolvers", "nameservers": ["192.0.2.53", "[2001:db8::1]:53"]}},
        {"selfCheck": {"mode": "https", "url": "https://dns.example.com/dns-query"}})],
    *[("Issuer", {"acme": {**ACME, "solvers": [{"dns01": {provider: config}}]}})
      for provider, config in CERT_MANAGERS_PROVIDERS],
    *[("Issuer", {"acme": {**ACME, "solvers": [{"dnsPersist01": config}]}}) for config in (
        {}, {"wildcardPolicy": True, "persistUntil": "2027-01-01T00:00:00Z", "issuerDomainName": "letsencrypt.org"},
        {"selfCheck": {"mode": "resolvers", "nameservers": ["192.0.2.53"]}})],
    ("Issuer", {"acme": {**ACME, "solvers": [
        {"selector": {"matchLabels": {"a": "b"}, "dnsNames": ["*.example.com"], "dnsZones": ["example.com"]},
         "http01": {"ingress": {"serviceType": "ClusterIP", "ingressClassName": "haproxy",
                                "podTemplate": {"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
                                                "spec": POD_SPEC},
                                "ingressTemplate": {"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}}}}},
        {"http01": {"shared": {"ingressClassName": "haproxy", "ingressTemplate": {"metadata": {"labels": {"a": "b"}}}}}},
        {"http01": {"ingress": {"serviceType": "NodePort", "class": "nginx"}}},
        {"http01": {"ingress": {"name": "web.shop", "ingressTemplate": {"metadata": {}}}}},
        {"http01": {"redirect": {"url": "http://acme.example.com", "ingressClassName": "haproxy",
                                 "ingressTemplate": {"metadata": {"labels": {"a": "b"}}}}}},
        {"http01": {"redirect": {"url": "https://acme.example.com:443"}, "selfCheck": {"mode": "none"}}},
        {"http01": {"shared": {}, "selfCheck": {"mode": "ingressStatus"}}},
        {"http01": {"shared": {"endpointSlice": True, "standing": False, "ingressClassName": "haproxy"}}},
        {"http01": {"gatewayHTTPRoute": {
            "serviceType": "NodePort", "labels": {"gateway": "outer"}, "podTemplate": {"spec": POD_SPEC},
            "parentRefs": [{"name": "outer", "namespace": "infra", "group": "gateway.networking.k8s.io",
                            "kind": "Gateway", "sectionName": "http", "port": 80},
                           {"name": "ours", "kind": "ListenerSet"}]}, "selfCheck": {"mode": "ingressStatus"}}},
        {"http01": {"shared": {"standing": False, "gatewayHTTPRoute": {"labels": {}, "parentRefs": [{"name": "a"}]}}}},
        {"http01": {"external": {}}, "waitInsteadOfSelfCheck": "0s"},
        {"http01": {"ingress": {}, "selfCheck": {}}},
        {"http01": {"ingress": {}, "selfCheck": {"mode": "wait", "wait": "1m30s"}}},
        {"http01": {"ingress": {}, "selfCheck": {"mode": "ingressStatus", "nameservers": ["192.0.2.53"]}}},
        {"http01": {"external": {}, "selfCheck": {"mode": "dns", "nameservers": [
            "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:53", "[2001:db8::53]"]}}}]}}),
    # Requests and what ACME makes of them.
    ("CertificateRequest", {"duration": "10m", "isCA": True, "usages": ["any"], "username": "u", "uid": "1",
                            "groups": ["system:authenticated"], "extra": {"example.com/pod-name": ["p"]}}),
    ("CertificateRequest", {"request": "A" * 131072}),
    ("Order", {"commonName": "www.example.com", "ipAddresses": ["192.0.2.7"], "duration": "24h", "profile": "classic",
               "replaces": "aYhba4dG.AIdlQyE"}),
    *[("Challenge", {"type": kind, "wildcard": True}) for kind in ("DNS-01", "DNS-ACCOUNT-01")],
    ("Challenge", {"url": LONG_URL, "authorizationURL": LONG_URL}),
    ("Challenge", {"type": "DNS-PERSIST-01", "token": "", "key": "ca.example; accounturi=https://ca.example/a/1"}),
]

# kind, what is set, the field that is complained about, what the complaint says.
NAME_IT = "name what the certificate is for: at least one of dnsNames,"
DNS = "write a DNS name such as www.example.com or *.example.com"
KIND = "write Issuer or ClusterIssuer (or leave kind out, which means Issuer)"
PREFLIGHT = "name the issuer of a staging CA, not the one of issuerRef, whose orders a preflight is to save"
LIFETIME = "write at least 1h, in hours, minutes and seconds, for example 2160h or 1h30m"
LEAD = "write at least 5m, in hours, minutes and seconds, for example 720h or 1h30m"
SHORTER = "renewBefore must be shorter than duration (2160h where duration is left out)"
RESERVED = "the prefix of certroll's API group, and certroll.dev/, are kept for certroll; use a prefix of your own"
DIRECTORY = "write the https URL of the CA's directory"
RSA = "an RSA key has 2048 to 8192 bits; for a small key set algorithm to ECDSA"
ECDSA = "an ECDSA key has the size 256, 384 or 521"
SECRET = "write the name of a Secret: lower-case letters"
ONE_ISSUER = "write exactly one kind of issuer, acme or selfSigned"
SOLVER = "write how this solver proves control, one of http01, dns01 and dnsPersist01"
CLOUDFLARE = {"cloudflare": {"apiTokenSecretRef": {"name": "cf", "key": "token"}}}
PROVIDER = "write one DNS provider, one of:"
ROUTE = "write how the challenge is routed, one of: ingress"
CLASS = "write either ingressClassName (spec.ingressClassName) or class (the older annotation), not both"
ONE_INGRESS = "write at most one of: ingressClassName (spec.ingressClassName), class (the older annotation), name"
ZONE = "write the zone as a plain name such as example.com"
POOL = "projects/123456789012/locations/global/workloadIdentityPools/pool/providers/cluster"
AZURE = {"subscriptionID": "a", "resourceGroupName": "b"}


def with_solver(one):
    return {"acme": {**ACME, "solvers": [one]}}


# solver, the field below it that is complained about, what the complaint says.
SOLVERS = [
    ({}, "", SOLVER),
    ({"selector": {"dnsZones": ["example.com"]}}, "", SOLVER),
    ({"http01": {"ingress": {}}, "dns01": CLOUDFLARE}, "", SOLVER),
    ({"dnsPersist01": {}, "dns01": CLOUDFLARE}, "", SOLVER),
    ({"dnsPersist01": {"persistUntil": "tomorrow"}}, ".dnsPersist01.persistUntil", "must be of type date-time"),
    *[({"dnsPersist01": {"issuerDomainName": name}}, ".dnsPersist01.issuerDomainName", "write a domain name in lower case")
      for name in ("CA.example", "ca.example.", "", "a b")],
    ({"dnsPersist01": {"selfCheck": {"mode": "wait"}}}, ".dnsPersist01.selfCheck", "wait goes with mode wait"),
    ({"dnsPersist01": {"selfCheck": {}}, "waitInsteadOfSelfCheck": "1s"}, "", "write either"),
    ({"dns01": {}}, ".dns01", PROVIDER),
    ({"dns01": {"unheardOf": {}}}, ".dns01", PROVIDER),
    ({"dns01": {**CLOUDFLARE, "digitalocean": {"tokenSecretRef": {"name": "do", "key": "token"}}}}, ".dns01", PROVIDER),
    ({"dns01": {**CLOUDFLARE, "cnameStrategy": "Maybe"}}, ".dns01.cnameStrategy", "supported values"),
    ({"dns01": {**CLOUDFLARE, "challengeType": "http-01"}}, ".dns01.challengeType", "supported values"),
    *[({"dns01": {**CLOUDFLARE, "selfCheck": check}}, f".dns01.selfCheck{field}", complaint) for check, field, complaint in (
        ({"mode": "dns"}, ".mode", "supported values"),
        ({"mode": "wait"}, "", "mode wait needs it"),
        ({"mode": "https"}, "", "mode https needs it"),
        ({"mode": "resolvers"}, "", "mode resolvers needs nameservers"),
        ({"mode": "wait", "wait": "0s"}, ".wait", "write more than 0s"),
        ({"mode": "https", "url": "http://dns.example.com"}, ".url", "write an https URL"),
        ({"nameservers": ["dns.example.com"]}, ".nameservers[0]", "write an IP address"))],
    ({"dns01": {**CLOUDFLARE, "selfCheck": {}}, "waitInsteadOfSelfCheck": "1s"}, "", "write either"),
    # What providers want beyond types.
    *[({"dns01": {provider: config}}, f".dns01.{provider}{field}", complaint) for provider, config, field, complaint in (
        ("cloudflare", {}, "", "write one of apiTokenSecretRef and apiKeySecretRef"),
        ("cloudflare", {"apiKeySecretRef": {"name": "cf", "key": "key"}}, "", "write email beside apiKeySecretRef"),
        ("powerdns", {"url": "https://u@pdns.example.com", "apiKeySecretRef": {"name": "p", "key": "k"}}, ".url",
         "write where the API is"),
        ("webhook", {"groupName": "acme", "solverName": "a"}, ".groupName", "write the API group of the webhook"),
        ("webhook", {"groupName": "acme.example.com", "solverName": "A"}, ".solverName", "write the name that the webhook"),
        ("rfc2136", {"nameserver": "udp://ns1"}, ".nameserver", "write HOST or HOST:PORT"),
        ("rfc2136", {"nameserver": "ns1", "tsigAlgorithm": "SHA256"}, ".tsigAlgorithm", "write HMACSHA256, or HMACMD5"),
        ("rfc2136", {"nameserver": "ns1", "tsigKeyName": "k"}, "", "write both tsigKeyName and tsigSecretSecretRef"),
        ("acmeDNS", {"host": "auth.example.com", "accountSecretRef": A_KEY}, ".host", "write the URL of the acme-dns server"),
        ("akamai", {"serviceConsumerDomain": "https://a.akamaiapis.net", "clientTokenSecretRef": A_KEY,
                    "clientSecretSecretRef": A_KEY, "accessTokenSecretRef": A_KEY}, ".serviceConsumerDomain",
         "write the host of the API client"),
        ("route53", {"accessKeyID": "a", "accessKeyIDSecretRef": A_KEY, "secretAccessKeySecretRef": A_KEY}, "",
         "write one of accessKeyID and accessKeyIDSecretRef"),
        ("route53", {"accessKeyID": "a"}, "", "belong together"),
        ("route53", {"accessKeyID": "a", "secretAccessKeySecretRef": {"name": "", "key": "b"}}, "", "belong together"),
        ("route53", {"accessKeyID": "a", "secretAccessKeySecretRef": {"name": "a"}}, ".secretAccessKeySecretRef",
         "write the key in the Secret's data, too"),
        ("cloudDNS", {"project": "a", "serviceAccountRef": {"name": "a"}}, "", "serviceAccountRef and workloadIdentityProvider"),
        ("cloudDNS", {"project": "a", "workloadIdentityProvider": POOL, "serviceAccountRef": {"name": "a"},
                      "serviceAccountSecretRef": A_KEY}, "", "write one of serviceAccountSecretRef and serviceAccountRef"),
        ("cloudDNS", {"project": "a", "workloadIdentityProvider": f"//iam.googleapis.com/{POOL}",
                      "serviceAccountRef": {"name": "a"}}, ".workloadIdentityProvider", "write it as projects/NUMBER"),
        ("ovh", {"clientID": "a"}, "", "clientID and clientSecretSecretRef belong together"),
        ("ovh", {"applicationKeySecretRef": A_KEY}, "", "write applicationKeySecretRef, applicationSecretSecretRef and"),
        ("azureDNS", {**AZURE, "managedIdentity": {"clientID": "a", "resourceID": "b"}}, ".managedIdentity",
         "write one of clientID and resourceID"),
        ("azureDNS", {**AZURE, "clientID": "a", "tenantID": "b", "clientSecretSecretRef": A_KEY,
                      "serviceAccountRef": {"name": "a"}}, "", "write one of clientSecretSecretRef and serviceAccountRef"),
        ("azureDNS", {**AZURE, "clientSecretSecretRef": A_KEY}, "", "need clientID and tenantID"))],
    ({"http01": {}}, ".http01", ROUTE),
    ({"http01": {"gatewayHTTPRoute": {"parentRefs": [{"name": "a"}]}, "shared": {}}}, ".http01", ROUTE),
    ({"http01": {"gatewayHTTPRoute": {}}}, ".http01.gatewayHTTPRoute.parentRefs", "Required value"),
    ({"http01": {"gatewayHTTPRoute": {"parentRefs": []}}}, ".http01.gatewayHTTPRoute.parentRefs", "at least 1"),
    ({"http01": {"gatewayHTTPRoute": {"parentRefs": [{"kind": "Gateway"}]}}},
     ".http01.gatewayHTTPRoute.parentRefs[0].name", "Required value"),
    *[({"http01": {"shared": {**more, "gatewayHTTPRoute": {"parentRefs": [{"name": "a"}]}}}}, ".http01.shared",
       "makes no Ingress: write it alone") for more in (
        {"ingressClassName": "a"}, {"class": "a"}, {"standing": True}, {"ingressTemplate": {}}, {"endpointSlice": True})],
    ({"http01": {"shared": {"endpointSlice": True, "standing": True}}}, ".http01.shared",
     "write either endpointSlice or standing"),
    ({"http01": {"ingress": {}, "shared": {}}}, ".http01", ROUTE),
    ({"http01": {"ingress": {"class": "a", "ingressClassName": "b"}}}, ".http01.ingress", ONE_INGRESS),
    ({"http01": {"ingress": {"class": "a", "name": "b"}}}, ".http01.ingress", ONE_INGRESS),
    ({"http01": {"ingress": {"ingressClassName": "a", "name": "b"}}}, ".http01.ingress", ONE_INGRESS),
    ({"http01": {"ingress": {"name": "Web"}}}, ".http01.ingress.name", "write the name of an Ingress"),
    ({"http01": {"shared": {"class": "a", "ingressClassName": "b"}}}, ".http01.shared", CLASS),
    ({"http01": {"ingress": {}, "external": {}}}, ".http01", ROUTE),
    ({"http01": {"redirect": {"url": "http://a.example"}, "external": {}}}, ".http01", ROUTE),
    ({"http01": {"redirect": {}}}, ".http01.redirect.url", "Required value"),
    *[({"http01": {"redirect": {"url": url}}}, ".http01.redirect.url", "write http:// or https:// and a host name")
      for url in ("acme.example.com", "http://a.example/x", "http://a.example:8080", "ftp://a.example", "http://u@a.example")],
    ({"http01": {"redirect": {"url": "http://a.example"}, "selfCheck": {"mode": "ingressStatus"}}}, ".http01",
     "needs a solver that makes"),
    ({"http01": {"external": {}, "selfCheck": {"mode": "ingressStatus"}}}, ".http01", "needs a solver that makes"),
    ({"http01": {"ingress": {}, "selfCheck": {"mode": "maybe"}}}, ".http01.selfCheck.mode", "supported values"),
    ({"http01": {"ingress": {}, "selfCheck": {"mode": "wait"}}}, ".http01.selfCheck", "mode wait needs it"),
    ({"http01": {"ingress": {}, "selfCheck": {"wait": "30s"}}}, ".http01.selfCheck", "wait goes with mode wait"),
    ({"http01": {"ingress": {}, "selfCheck": {"mode": "wait", "wait": "25h"}}}, ".http01.selfCheck.wait", "at most 24h"),
    ({"http01": {"ingress": {}, "selfCheck": {"mode": "none", "nameservers": ["192.0.2.53"]}}}, ".http01.selfCheck",
     "nameservers are for the modes"),
    ({"http01": {"ingress": {}, "selfCheck": {"nameservers": ["dns.example.com"]}}},
     ".http01.selfCheck.nameservers[0]", "write an IP address"),
    ({"http01": {"ingress": {}}, "waitInsteadOfSelfCheck": "-1s"}, ".waitInsteadOfSelfCheck", "at most 24h"),
    ({"http01": {"ingress": {}, "selfCheck": {}}, "waitInsteadOfSelfCheck": "1s"}, "", "write either"),
    ({"http01": {"ingress": {}}, "selector": {"dnsZones": ["*.example.com"]}}, ".selector.dnsZones[0]", ZONE),
    ({"http01": {"ingress": {}}, "selector": {"dnsZones": ["example.com."]}}, ".selector.dnsZones[0]", ZONE),
]


REFUSED = [
    ("Certificate", {"dnsNames": None}, "spec", NAME_IT),
    ("Certificate", {"dnsNames": [], "commonName": "", "uris": [], "ipAddresses": [], "emailAddresses": []}, "spec",
     NAME_IT),
    *[("Certificate", {"dnsNames": ["ok.example", name]}, "spec.dnsNames[1]", DNS) for name in (
        "", "example.com.", "https://example.com", "a b.example", "*", "a.*.example", "*.*.example", "*a.example",
        "-a.example", "a-.example", ".example.com", "a..example", "bü cher.example", "bücher.example/x", "*bücher.example", "a" * 64 + ".example",
        "example.com\n")],
    ("Certificate", {"dnsNames": [LONG_NAME + "b"]}, "spec.dnsNames[0]", "may not be more than 253"),
    ("Certificate", {"dnsNames": ["a.example"] * 1001}, "spec.dnsNames", "must have at most 1000 items"),
    ("Certificate", {"commonName": "x" * 65}, "spec.commonName", "leave commonName out and put the name into dnsNames"),
    *[("Certificate", {"ipAddresses": [address]}, "spec.ipAddresses[0]", "write one IP address such as 192.0.2.7")
      for address in ("", "example.com", "192.0.2.0/24", "192.0.2.7:443", "192.0.2.256", "fe80::1%eth0")],
    *[("Certificate", {"uris": [uri]}, "spec.uris[0]", "write a whole URI with its scheme")
      for uri in ("", "/path", "example.org", "spiffe://a b", "spiffe://bücher.example/")],
    *[("Certificate", {"emailAddresses": [address]}, "spec.emailAddresses[0]", "write a bare address such as info@")
      for address in ("", "info", "Info <info@example.com>", "a@b@c")],
    *[("Certificate", {"secretName": name}, "spec.secretName", SECRET) for name in (
        "", "Upper", "under_score", "-a", "a-", "a..b", "a/b", "a\n")],
    ("Certificate", {"secretName": None}, "spec.secretName", "Required value"),
    ("Certificate", {"issuerRef": None}, "spec.issuerRef", "Required value"),
    ("Certificate", {"issuerRef": {}}, "spec.issuerRef.name", "Required value"),
    ("Certificate", {"issuerRef": {"name": ""}}, "spec.issuerRef.name", "should be at least 1 chars long"),
    *[(kind, {"issuerRef": ref}, "spec.issuerRef.kind", KIND)
      for kind in ("Certificate", "CertificateRequest", "Order", "Challenge")
      for ref in ({"name": "ca", "kind": "StepIssuer"}, {"name": "ca", "kind": "issuer", "group": "@G@"},
                  {"name": "ca", "kind": "StepIssuer", "group": ""})],
    *[("Certificate", {"duration": value}, "spec.duration", LIFETIME) for value in (
        "", "59m59s", "0s", "-2h", "90d", "2160", "h", "1m1h", "9999999h", "1h ", "1H", "3600000ms")],
    *[("Certificate", {"renewBefore": value}, "spec.renewBefore", LEAD) for value in ("", "4m59s", "30d", "0h", "x")],
    ("Certificate", {"renewBefore": "2160h"}, "spec.renewBefore", SHORTER),
    ("Certificate", {"duration": "1h", "renewBefore": "1h"}, "spec.renewBefore", SHORTER),
    ("Certificate", {"duration": "1h", "renewBefore": "61m"}, "spec.renewBefore", SHORTER),
    # The preflight.
    ("Certificate", {"preflight": {}}, "spec.preflight.issuerRef", "Required value"),
    *[("Certificate", {"preflight": {"issuerRef": {"name": "ca", **same}}}, "spec.preflight.issuerRef", PREFLIGHT)
      for same in ({}, {"kind": "Issuer"}, {"kind": ""}, {"group": "@G@"}, {"group": ""})],
    ("Certificate", {"issuerRef": {"name": "ca", "kind": "Issuer", "group": "@G@"},
                     "preflight": {"issuerRef": REF}}, "spec.preflight.issuerRef", PREFLIGHT),
    ("Certificate", {"preflight": {"issuerRef": {"name": "staging", "kind": "Isuer"}}},
     "spec.preflight.issuerRef.kind", KIND),
    ("Certificate", {"renewBefore": "5m", "renewBeforePercentage": 10}, "spec",
     "write either renewBefore or renewBeforePercentage, not both"),
    ("Certificate", {"renewBeforePercentage": 0}, "spec.renewBeforePercentage", "should be greater than or equal to 1"),
    ("Certificate", {"renewBeforePercentage": 100}, "spec.renewBeforePercentage", "should be less than or equal to 99"),
    *[("Certificate", {"privateKey": key}, "spec.privateKey.size", RSA) for key in (
        {"size": 256}, {"size": 2047}, {"size": 8193}, {"size": 0}, {"size": -1}, {"algorithm": "RSA", "size": 1024})],
    *[("Certificate", {"privateKey": {"algorithm": "ECDSA", "size": size}}, "spec.privateKey.size", ECDSA)
      for size in (0, 224, 512, 2048)],
    *[("Certificate", {"privateKey": {field: "other"}}, f"spec.privateKey.{field}", f"supported values: {values}")
      for field, values in (("algorithm", '"RSA", "ECDSA", "Ed25519"'), ("encoding", '"PKCS1", "PKCS8"'),
                            ("rotationPolicy", '"Never", "Always"'))],
    ("Certificate", {"revisionHistoryLimit": 0}, "spec.revisionHistoryLimit", "should be greater than or equal to 1"),
    ("Certificate", {"usages": ["web"]}, "spec.usages[0]", '"server auth"'),
    *[("Certificate", {"secretTemplate": {"annotations": {key: "x", "a": "b"}}}, "spec.secretTemplate.annotations",
       RESERVED) for key in ("@G@/certificate-name", "@G@/", "certroll.dev/fingerprint")],
    ("CertificateRequest", {"request": None}, "spec.request", "Required value"),
    ("CertificateRequest", {"request": ""}, "spec.request", "should match"),
    ("CertificateRequest", {"request": "not base64!"}, "spec.request", "should match"),
    ("CertificateRequest", {"duration": "90d"}, "spec.duration", "write hours, minutes and seconds, for example 2160h"),
    *[(kind, spec, "spec", ONE_ISSUER) for kind in ("Issuer", "ClusterIssuer") for spec in (
        {"acme": None, "selfSigned": None}, {"acme": ACME, "selfSigned": {}},
        {"acme": None, "selfSigned": None, "ca": {"secretName": "root"}})],
    *[(kind, {"acme": {**ACME, "server": url}, "selfSigned": None}, "spec.acme.server", DIRECTORY)
      for kind in ("Issuer", "ClusterIssuer")
      for url in ("", "http://ca.example/dir", "ca.example/dir", "https://", "https:///dir", "ftp://ca.example",
                  "letsencrypt")],
    ("Issuer", {"acme": {**ACME, "server": None}}, "spec.acme.server", "Required value"),
    ("Issuer", {"acme": {**ACME, "privateKeySecretRef": None}}, "spec.acme.privateKeySecretRef", "Required value"),
    ("Issuer", {"acme": {**ACME, "privateKeySecretRef": {"name": ""}}}, "spec.acme.privateKeySecretRef.name",
     "should be at least 1 chars long"),
    *[(kind, {"acme": {**ACME, "caBundle": B64, "skipTLSVerify": True}, "selfSigned": None}, "spec.acme",
       "write either caBundle or skipTLSVerify, not both; caBundle is the safe one")
      for kind in ("Issuer", "ClusterIssuer")],
    *[("Issuer", {"acme": {**ACME, "externalAccountBinding": {
        "keyID": "kid-1", "keySecretRef": {"name": "eab", "key": "secret"}, **binding}}},
       f"spec.acme.externalAccountBinding{field}", complaint) for binding, field, complaint in (
        ({"keyID": ""}, ".keyID", "should be at least 1"),
        ({"keySecretRef": {"name": "eab"}}, ".keySecretRef", "write key, too"),
        ({"keySecretRef": {"name": "eab", "key": ""}}, ".keySecretRef.key", "should be at least 1"),
        ({"keyAlgorithm": "HS1"}, ".keyAlgorithm", 'supported values: "HS256", "HS384", "HS512"'))],
    *[("Issuer", {"acme": {**ACME, "accountKey": key}}, f"spec.acme.accountKey{field}", complaint)
      for key, field, complaint in (
          ({"algorithm": "HS256"}, ".algorithm", 'supported values: "ES256", "ES384", "RS256", "EdDSA"'),
          ({"algorithm": "RS256", "size": 1024}, ".size", "greater than or equal to 2048"),
          ({"algorithm": "RS256", "size": 2049}, ".size", "multiple of 1024"),
          ({"rotateAfter": "23h"}, ".rotateAfter", "at least 24h"),
          ({"rotateAfter": "30d"}, ".rotateAfter", "at least 24h"),
          ({"size": 2048}, "", "size is for the algorithm RS256"),
          ({"algorithm": "ES384", "size": 3072}, "", "size is for the algorithm RS256"))],
    ("Issuer", {"acme": {**ACME, "failover": [{"name": "b", "kind": "Isuer"}]}}, "spec.acme.failover[0].kind", KIND),
    *[("Issuer", {"acme": {**ACME, "failoverAfterOutage": wait}}, "spec.acme.failoverAfterOutage", "write at least 1m")
      for wait in ("59s", "1d", "-1h")],
    ("Issuer", {"acme": {**ACME, "failoverAfterAttempts": 0}}, "spec.acme.failoverAfterAttempts",
     "should be greater than or equal to 1"),
    *[("Issuer", {"acme": ACME, "allowedNames": [{"names": [name]}]}, "spec.allowedNames[0].names[0]",
       "write shop.example.com, *.example.com for all names below it, or *")
      for name in ("shop.*.com", "**", "*.*.com", "shop.example.com.")],
    ("Issuer", {"acme": ACME, "allowedNames": [{"names": []}]}, "spec.allowedNames[0].names", "at least 1 items"),
    ("Issuer", {"acme": {**ACME, "profile": "a", "preferredProfile": "b"}}, "spec.acme",
     "write either profile, which must be there, or preferredProfile, which may be missing"),
    ("Issuer", {"acme": {**ACME, "renewalInfo": "off"}}, "spec.acme.renewalInfo",
     'supported values: "enabled", "disabled"'),
    ("Issuer", {"acme": {**ACME, "polling": "late"}}, "spec.acme.polling", 'supported values: "early", "hint"'),
    ("Issuer", {"acme": {**ACME, "caa": "maybe"}}, "spec.acme.caa", 'supported values: "check", "off"'),
    ("Issuer", {"acme": {**ACME, "preferredChain": "x" * 65}}, "spec.acme.preferredChain", "at most 64 characters"),
    *[("Issuer", {"acme": {**ACME, "preferredChain": chain}}, "spec.acme.preferredChain", "write spki: and the 64")
      for chain in ("spki:", "spki:" + "g" * 64, "spki:" + "a" * 63)],
    *[(kind, {"acme": {**ACME, "prepare": hook}, "selfSigned": None}, f"spec.acme.prepare{field}", complaint)
      for kind in ("Issuer", "ClusterIssuer") for hook, field, complaint in (
          ({}, "", "write either http or job"),
          ({"http": {"url": "https://a"}, "job": {"template": {}}}, "", "write either http or job"),
          ({"http": {"url": "ftp://a"}}, ".http.url", "write an http or https URL"),
          ({"http": {"url": "https://a", "timeout": "61s"}}, ".http.timeout", "write a duration from 1s to 60s"),
          ({"job": {"template": {}, "timeout": "2h"}}, ".job.timeout", "write a duration from 1s to 1h"))],
    *[(kind, {"acme": {**ACME, "limits": {"ordersPerAccount": {"count": 1, "period": period}}}, "selfSigned": None},
       "spec.acme.limits.ordersPerAccount.period", "write a duration from 1s to 8784h, for example 3h or 168h")
      for kind in ("Issuer", "ClusterIssuer") for period in ("", "1d", "500ms", "8785h", "-3h", "3")],
    ("Issuer", {"acme": {**ACME, "limits": {"failedAuthorizations": {"count": 5}}}},
     "spec.acme.limits.failedAuthorizations.period", "Required value"),
    ("Issuer", {"acme": {**ACME, "limits": {"certificatesPerExactSet": {"count": -1, "period": "1h"}}}},
     "spec.acme.limits.certificatesPerExactSet.count", "should be greater than or equal to 0"),
    ("Issuer", {"acme": {**ACME, "limits": {"maxIssuancesPerDay": -1}}}, "spec.acme.limits.maxIssuancesPerDay",
     "should be greater than or equal to 0"),
    ("Issuer", with_solver({"http01": {"ingress": {"serviceType": "LoadBalancer"}}}),
     "spec.acme.solvers[0].http01.ingress.serviceType", 'supported values: "ClusterIP", "NodePort"'),
    *[row for one, field, complaint in SOLVERS for row in (
        ("Issuer", with_solver(one), f"spec.acme.solvers[0]{field}", complaint),
        ("ClusterIssuer", {**with_solver(one), "selfSigned": None}, f"spec.acme.solvers[0]{field}", complaint),
        ("Challenge", {"solver": one}, f"spec.solver{field}", complaint))],
    ("Challenge", {"type": "TLS-ALPN-01"}, "spec.type", 'supported values: "HTTP-01", "DNS-01"'),
    *[("Challenge", {field: None}, f"spec.{field}", "Required value") for field in SPECS["Challenge"]],
    *[("Order", {field: None}, f"spec.{field}", "Required value") for field in ("request", "issuerRef")],
]
# What an Issuer refuses of an ACME configuration, a ClusterIssuer does, too.
REFUSED += [row for kind, spec, field, complaint in REFUSED if kind == "Issuer" and spec.get("acme")
            for row in [("ClusterIssuer", {"selfSigned": None, **spec}, field, complaint)] if row not in REFUSED]

YES, NO = "True", "False"


def conditions(**status_by_type):
    return {"conditions": [{"type": name, "status": status} for name, status in status_by_type.items()]}


URLS = {"url": "https://ca.example/o/1", "finalizeURL": "https://ca.example/f/1", "certificate": B64}
FULL = {
    "Certificate": {**conditions(Ready=YES, Issuing=NO), "notBefore": "2026-11-21T00:00:00Z", "revision": 7,
                    "notAfter": "2027-02-19T00:00:00Z", "renewalTime": "2027-01-20T00:00:00Z",
                    "lastFailureTime": "2026-11-20T00:00:00Z", "nextPrivateKeySecretName": "www-tls-x",
                    "failedIssuanceAttempts": 2, "failedPreflights": 1, "fingerprint": "ab" * 32, "nextAction": "waits",
                    "rollout": {"fingerprint": "ab" * 32, "updated": 3, "pending": 1}},
    "Issuer": {**conditions(Ready=YES), "acme": {"uri": "https://ca.example/acct/1", "lastPrivateKeyHash": "aGFzaA==",
                                                 "lastRegisteredEmail": "a@example.com",
                                                 "thumbprint": "t" * 43,
                                                 "termsOfService": "https://ca.example/terms"}},
    "Order": {**URLS, "state": "valid", "reason": "r", "failureTime": "2026-11-21T00:00:00Z", "nextAction": "n",
              "placedTime": "2026-11-21T00:00:00Z",
              "waiting": {"reason": "BudgetExhausted", "until": "2026-11-21T00:00:00Z"},
              "prepare": {"state": "Started", "since": "2026-11-21T00:00:00Z", "kind": "HTTP", "hook": "ab" * 32,
                          "http": {"url": "https://fw.example/acme", "method": "PUT", "headersFrom": {"name": "token"},
                                   "timeout": "10s"},
                          "undo": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 0}}},
              "aliases": [{"name": "*.e.example", "target": "e.acme.example"}],
              "judgedBy": {"uid": "u", "generation": 3},
              "authorizations": [{"url": "https://ca.example/a/1", "identifier": "e.example", "wildcard": True,
                                  "initialState": "pending", "challenges": [
                                      {"url": "https://ca.example/c/1", "token": "t", "type": "dns-account-01"}]}]},
    "Challenge": {"processing": True, "presented": True, "presentedAt": "2026-11-21T00:00:00Z", "reason": "r",
                  "state": "processing", "nextAction": "n"},
}

# kind, status before, status after
STATUS_ACCEPTED = [
    *[(kind, {}, status) for kind, status in FULL.items()],
    ("Certificate", {}, {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "r", "message": "m" * 32768,
                                         "observedGeneration": 3, "lastTransitionTime": "2026-11-21T00:00:00Z"}]}),
    ("CertificateRequest", conditions(Approved=YES),
     {**conditions(Ready=YES, Approved=YES), "certificate": B64, "ca": B64, "failureTime": "2026-11-21T00:00:00Z"}),
    ("CertificateRequest", conditions(Ready=NO), conditions(Denied=YES)),
    ("CertificateRequest", {}, conditions(InvalidRequest=YES, Approved=YES)),
    ("Order", {}, {"certificate": base64.b64encode(bytes(95000)).decode()}),
    ("Order", {"url": URLS["url"]}, URLS),
    ("Order", {}, {"url": LONG_URL, "finalizeURL": LONG_URL, "authorizations": [{"url": LONG_URL}]}),
    *[(kind, {}, {"acme": {"uri": LONG_URL, "termsOfService": LONG_URL}}) for kind in ("Issuer", "ClusterIssuer")],
    ("Order", URLS, {**URLS, "state": "valid"}),
]

# kind, status before, status after, field, complaint
ONLY_TRUE = "the conditions Approved and Denied are either True or absent"
NOT_BOTH = "a request is either Approved or Denied, not both"
FINAL = "a decision is final; the condition Approved or Denied cannot be taken back"
STATUS_REFUSED = [
    ("Certificate", {}, {"conditions": [{"type": "Ready", "status": "Maybe"}]}, "status.conditions[0].status",
     'supported values: "True", "False", "Unknown"'),
    ("Certificate", {}, {"nextAction": "x" * 1025}, "status.nextAction", "may not be more than 1024"),
    ("Order", {}, {"url": LONG_URL + "x"}, "status.url", "may not be more than 2048"),
    ("CertificateRequest", {}, conditions(Approved=NO), "status.conditions", ONLY_TRUE),
    ("CertificateRequest", {}, conditions(Denied="Unknown"), "status.conditions", ONLY_TRUE),
    ("CertificateRequest", {}, conditions(Approved=YES, Denied=YES), "status.conditions", NOT_BOTH),
    ("CertificateRequest", conditions(Approved=YES), conditions(Ready=YES), "status.conditions", FINAL),
    ("CertificateRequest", conditions(Approved=YES), conditions(Denied=YES), "status.conditions", FINAL),
    ("CertificateRequest", conditions(Denied=YES), {"ca": B64}, "status.conditions", FINAL),
    ("CertificateRequest", conditions(Denied=YES), conditions(Denied=NO), "status.conditions", ONLY_TRUE),
    *[("Order", URLS, {**URLS, field: value}, f"status.{field}", complaint)
      for field, complaint in (("url", "the URL of an order stays what it was"),
                               ("finalizeURL", "the finalize URL of an order stays what it was"),
                               ("certificate", "the certificate of an order stays what it was"))
      for value in (None, base64.b64encode(b"other").decode())],
    ("Order", {}, {"state": "done"}, "status.state", '"valid", "ready", "pending"'),
    ("Challenge", {}, {"state": "done"}, "status.state", '"valid", "ready", "pending"'),
]

# kind, what is set, complaint
SPEC_CHANGES = [
    ("CertificateRequest", {"isCA": True}, "a CertificateRequest cannot be changed; make a new one"),
    ("CertificateRequest", {"request": base64.b64encode(b"other").decode()}, "a CertificateRequest cannot be changed"),
    ("CertificateRequest", {"username": "someone"}, "a CertificateRequest cannot be changed"),
    ("CertificateRequest", {"issuerRef": {"name": "other"}}, "a CertificateRequest cannot be changed"),
    ("Order", {"dnsNames": ["other.example"]}, "an Order cannot be changed; delete its CertificateRequest"),
    ("Order", {"profile": "x"}, "an Order cannot be changed; delete its CertificateRequest"),
    ("Challenge", {"token": "x"}, "a Challenge cannot be changed; delete its CertificateRequest"),
    ("Challenge", {"solver": {"http01": {"ingress": {"class": "x"}}}}, "a Challenge cannot be changed"),
]
MAY_CHANGE = [
    ("Certificate", {"dnsNames": ["other.example"], "secretName": "other"}),
    ("Issuer", {"acme": None, "selfSigned": {}}),
]


def edited(mapping, changes):
    """mapping with changes; None takes a key away, at any depth of changes."""
    result = {**copy.deepcopy(mapping), **changes}
    return {key: edited({}, value) if isinstance(value, dict) else value for key, value in result.items()
            if value is not None}


def in_group(value, group):
    """value with @G@ replaced in every string."""
    if isinstance(value, dict):
        return {in_group(key, group): in_group(item, group) for key, item in value.items()}
    if isinstance(value, list):
        return [in_group(item, group) for item in value]
    return value.replace("@G@", group) if isinstance(value, str) else value


def spec_of(api, kind, changes):
    return in_group(edited(SPECS[kind], changes), api.group)


def name_of(value):
    return str(value)[:60].replace("\n", " ") if isinstance(value, (dict, str)) else None


def assert_refused(api, answer, field, complaint):
    code, status = answer
    assert code == 422, status
    # Behind a value of the wrong form the server adds that it left the rules alone.
    [cause] = [c for c in status["details"]["causes"] if "validation rules were not checked" not in c["message"]]
    assert cause["field"] == field
    assert in_group(complaint, api.group) in cause["message"]


@pytest.mark.parametrize("kind, changes", ACCEPTED, ids=name_of)
def test_accepted(api, kind, changes):
    spec = spec_of(api, kind, changes)
    code, answer = api.create(kind, spec, dry_run=True)
    assert code == 201, answer
    assert answer["spec"] == spec, "a field is unknown to the schema"


@pytest.mark.parametrize("kind, changes, field, complaint", REFUSED, ids=name_of)
def test_refused(api, kind, changes, field, complaint):
    assert_refused(api, api.create(kind, spec_of(api, kind, changes), dry_run=True), field, complaint)


@pytest.fixture
def with_status(api):
    """Make an object of a kind with this status."""
    def make(kind, status):
        code, made = api.create(kind, spec_of(api, kind, {}))
        assert code == 201, made
        if status:
            code, made = api.update(kind, {**made, "status": status}, "/status")
            assert code == 200, made
        return made
    return make


@pytest.mark.parametrize("kind, before, after", STATUS_ACCEPTED, ids=name_of)
def test_status_accepted(api, with_status, kind, before, after):
    code, answer = api.update(kind, {**with_status(kind, before), "status": after}, "/status")
    assert code == 200, answer
    assert answer["status"] == after, "a field is unknown to the schema"


@pytest.mark.parametrize("kind, before, after, field, complaint", STATUS_REFUSED, ids=name_of)
def test_status_refused(api, with_status, kind, before, after, field, complaint):
    made = {**with_status(kind, before), "status": edited({}, after)}
    assert_refused(api, api.update(kind, made, "/status"), field, complaint)


@pytest.mark.parametrize("kind, changes, complaint", SPEC_CHANGES, ids=name_of)
def test_spec_stays(api, with_status, kind, changes, complaint):
    made = with_status(kind, {})
    assert_refused(api, api.update(kind, {**made, "spec": spec_of(api, kind, changes)}), "spec", complaint)
    made["metadata"]["labels"] = {"may": "change"}
    assert api.update(kind, made)[0] == 200


@pytest.mark.parametrize("kind, changes", MAY_CHANGE, ids=name_of)
def test_spec_may_change(api, with_status, kind, changes):
    made = with_status(kind, {})
    assert api.update(kind, {**made, "spec": spec_of(api, kind, changes)})[0] == 200


def messages(node):
    """The messages of all rules below and at a schema."""
    yield from (rule["message"] for rule in node.get("x-kubernetes-validations", []))
    for child in [*node.get("properties", {}).values(), node.get("items"), node.get("additionalProperties")]:
        if isinstance(child, dict):
            yield from messages(child)


def test_every_rule_was_broken(rendered):
    """A rule without a row above is a rule that nobody has seen at work."""
    group, _, crds = rendered
    rows = [(row[0], in_group(row[-1], group)) for row in REFUSED + STATUS_REFUSED + SPEC_CHANGES]
    untried = [(kind, message) for crd in crds for kind in [crd["spec"]["names"]["kind"]]
               for message in messages(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
               if not any(row_kind == kind and complaint in message for row_kind, complaint in rows)]
    assert untried == []
