# SPDX-License-Identifier: Apache-2.0
"""Pebble, Let's Encrypt's test CA: the pinned version, and the old one that Debian has."""
import json
import pathlib
import urllib.request

from lib.ports import free_port

from .server import AcmeServer, build_tool

# Of Pebble's own example configuration.
MAC_KEYS = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
            "kid-2": "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"}
DAYS_90 = {"description": "90 days", "validityPeriod": 7776000}


class Pebble(AcmeServer):
    """nonce_reject, authz_reuse: percent; eab: an external account is wanted; alternate_roots: further chains;
    chain_length: intermediates; identities: how CAA records and those of dns-persist-01 call it; profiles: name ->
    Pebble's profile (with several and none asked for, it picks one by chance); life: seconds of the only profile; sleep:
    validations take up to 5 s, by chance; host: the address that it listens on."""

    path = "/dir"
    algorithms = ("ES256", "ES384", "RS256")
    refused = "refused.localhost"

    def __init__(self, folder, authority, names, http_port, name="pebble", *, nonce_reject=0, authz_reuse=0, eab=False,
                 alternate_roots=0, chain_length=1, profiles=None, life=None, strict=True, sleep=False,
                 retry_after=(3, 5), per_page=3, host="127.0.0.1", identities=()):
        super().__init__(folder, name, free_port(), authority.root, host)
        self.management = f"https://127.0.0.1:{free_port()}"
        self.names, self.strict = names, strict
        self.eab = ("kid-1", MAC_KEYS["kid-1"]) if eab else None
        if profiles is None:
            profiles = {"default": {**DAYS_90, **({"validityPeriod": life} if life else {})}}
        self.variables = {
            "PEBBLE_WFE_NONCEREJECT": nonce_reject, "PEBBLE_AUTHZREUSE": authz_reuse,
            "PEBBLE_ALTERNATE_ROOTS": alternate_roots, "PEBBLE_CHAIN_LENGTH": chain_length,
            "PEBBLE_WFE_ORDERS_PER_PAGE": per_page, "PEBBLE_VA_SLEEPTIME": 5, "PEBBLE_VA_NOSLEEP": 0 if sleep else 1}
        certificate, key = authority.server(host)
        self.config = {
            "listenAddress": self.url.removeprefix("https://"),
            "managementListenAddress": self.management.removeprefix("https://"),
            "certificate": str(certificate), "privateKey": str(key), "httpPort": http_port, "tlsPort": free_port(),
            "ocspResponderURL": "", "keyAlgorithm": "ecdsa", "externalAccountBindingRequired": eab,
            "externalAccountMACKeys": MAC_KEYS, "caaIdentities": list(identities),
            "domainBlocklist": [self.refused], "profiles": profiles,
            "certificateValidityPeriod": next(iter(profiles.values()))["validityPeriod"],
            "retryAfter": {"authz": retry_after[0], "order": retry_after[1]}}

    def program(self):
        return build_tool("pebble") / "pebble"

    def command(self):
        file = self.folder / "pebble.json"
        file.write_text(json.dumps({"pebble": self.config}))
        flags = ["-strict"] if self.strict else []
        return [self.program(), "-config", file, "-dnsserver", self.names.address, *flags]

    def environ(self):
        return {name: str(value) for name, value in self.variables.items()}

    def forget(self):
        """All is in memory: a new process knows nothing, and has a new root."""
        self.stop()
        self.start()

    # ---- management

    def manage(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.management + path, data, method="GET" if body is None else "POST")
        with urllib.request.urlopen(request, context=self.context, timeout=10) as answer:
            return answer.read().decode()

    def root(self, number=0):
        """number: of the alternate roots; 0 is the one that comes without asking."""
        return self.manage(f"/roots/{number}")

    def set_renewal_info(self, certificate, answer):
        """What it answers from now on when it is asked for that certificate's renewalInfo: a dict, or any text."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.manage("/set-renewal-info/", {"Certificate": certificate, "ARIResponse": text})


class DebianPebble(Pebble):
    """The package `pebble`: in Debian 12 it is 2.4, which has neither profiles nor renewalInfo."""

    def program(self):
        found = pathlib.Path("/usr/bin/pebble")
        assert found.exists(), "Debian's pebble is missing: hack/setup test"
        return found
