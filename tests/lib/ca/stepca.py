# SPDX-License-Identifier: Apache-2.0
"""smallstep's CA with its ACME provisioner: another implementation in Go. Certificates of a day or of seconds, Ed25519
accounts, no Retry-After, no renewalInfo, no profiles."""
import json
import shutil

from lib.ports import free_port

from .server import AcmeServer, build_tool


class StepCa(AcmeServer):
    """life: seconds that its certificates live."""

    path = "/acme/acme/directory"
    algorithms = ("ES256", "ES384", "RS256", "EdDSA")
    refused = "refused.localhost"
    refusal = "will not issue certificates for the identifier"

    def __init__(self, folder, authority, names, http_port, name="step-ca", *, life=86400):
        super().__init__(folder, name, free_port(), authority.root)
        self.authority, self.names, self.http_port = authority, names, http_port
        certificate, key = authority.intermediate()
        claims = {"minTLSCertDuration": "5s", "maxTLSCertDuration": "24h", "defaultTLSCertDuration": f"{life}s"}
        self.config = {
            "root": str(authority.root), "crt": str(certificate), "key": str(key),
            "address": self.url.removeprefix("https://"), "dnsNames": ["127.0.0.1", "localhost"],
            "logger": {"format": "text"}, "db": {"type": "badgerv2", "dataSource": str(self.folder / "db")},
            "authority": {"backdate": "0s", "provisioners": [{"type": "ACME", "name": "acme", "claims": claims}],
                          # Without an allow list, whose stars stand for one label, all else is allowed.
                          "policy": {"x509": {"deny": {"dns": [self.refused]}}}}}

    def command(self):
        file = self.folder / "ca.json"
        file.write_text(json.dumps(self.config))
        return [build_tool("step-ca") / "step-ca", "-config", file, "-resolver", self.names.address,
                "-http-port", self.http_port]

    def environ(self):
        return {"STEPPATH": str(self.folder), "HOME": str(self.folder)}

    def root(self):
        return self.authority.root.read_text()

    def forget(self):
        self.stop()
        shutil.rmtree(self.folder / "db")
        self.start()
