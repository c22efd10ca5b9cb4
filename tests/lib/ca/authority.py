# SPDX-License-Identifier: Apache-2.0
"""A root of the test's own, made by openssl: ECDSA P-256 throughout, for speed."""
import pathlib

from lib.tls import openssl

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")


class Authority:
    """root: its certificate's file. Each pair is made once and is (certificate, key), two paths."""

    def __init__(self, folder, name="test-root"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.made = {}
        self.root, self.key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        openssl("req", "-x509", *KEY, "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", str(self.key), "-out", str(self.root))

    def _pair(self, name, *extensions):
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if name not in self.made:
            openssl("req", "-x509", "-CA", str(self.root), "-CAkey", str(self.key), *KEY, "-subj", f"/CN={name}",
                    *(word for text in extensions for word in ("-addext", text)),
                    "-keyout", str(key), "-out", str(certificate))
        return self.made.setdefault(name, (certificate, key))

    def server(self, address="127.0.0.1"):
        """For a TLS server on loopback, and on another address of the machine."""
        return self._pair(f"server-{address}", f"subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{address}",
                          "basicConstraints=CA:FALSE",
                          "keyUsage=digitalSignature", "extendedKeyUsage=serverAuth")

    def service(self, host):
        """For a server that clients know by that name alone."""
        return self._pair(host, f"subjectAltName=DNS:{host}", "basicConstraints=CA:FALSE",
                          "keyUsage=digitalSignature", "extendedKeyUsage=serverAuth")

    def intermediate(self):
        """A CA below the root."""
        return self._pair("intermediate", "basicConstraints=critical,CA:TRUE,pathlen:0",
                          "keyUsage=critical,keyCertSign,cRLSign")
