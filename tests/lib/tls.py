# SPDX-License-Identifier: Apache-2.0
"""What openssl says of certificates and keys: a second opinion, independent of our own code."""
import base64
import datetime
import hashlib
import re
import subprocess


def openssl(*arguments, text=""):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def verify(chain, root_file, intermediates_file=None):
    """openssl verify of the first certificate of a chain."""
    extra = ["-untrusted", str(intermediates_file)] if intermediates_file else []
    openssl("verify", "-CAfile", str(root_file), *extra, text=chain)


def key_text(key):
    return openssl("pkey", "-noout", "-text", text=key)


def public_of_key(key):
    return openssl("pkey", "-pubout", text=key)


class Leaf:
    """The first certificate of a PEM chain."""

    def __init__(self, pem):
        self.pem = pem
        self.text = openssl("x509", "-noout", "-text", text=pem)
        self.serial = openssl("x509", "-noout", "-serial", text=pem).strip().partition("=")[2]
        self.public_key = openssl("x509", "-noout", "-pubkey", text=pem)
        self.subject = openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", text=pem).strip()[len("subject="):]
        self.issuer = self._common_name("-issuer")
        self.not_before, self.not_after = self._date("-startdate"), self._date("-enddate")

    def _date(self, flag):
        text = openssl("x509", "-noout", flag, text=self.pem).strip().partition("=")[2]
        return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)

    def _common_name(self, flag):
        text = openssl("x509", "-noout", flag, "-nameopt", "sep_multiline,utf8", text=self.pem)
        return next((line.strip()[3:] for line in text.splitlines() if line.strip().startswith("CN=")), "")

    @property
    def common_name(self):
        return self._common_name("-subject")

    @property
    def spki_sha256(self):
        """SHA-256 of the public key's DER, in hex."""
        lines = [line for line in self.public_key.splitlines() if "-----" not in line]
        return hashlib.sha256(base64.b64decode("".join(lines))).hexdigest()

    def extension(self, name):
        """The value's lines, stripped, or "" without the extension."""
        found = re.search(rf"X509v3 {name}:.*\n\s+(.*)", self.text)
        return found[1].strip() if found else ""

    @property
    def names(self):
        """Subject alternative names, as openssl writes them: DNS:a.test, IP Address:10.0.0.1, ..."""
        return [n.strip() for n in self.extension("Subject Alternative Name").split(",") if n.strip()]

    @property
    def is_ca(self):
        return "CA:TRUE" in self.extension("Basic Constraints")
