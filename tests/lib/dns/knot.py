# SPDX-License-Identifier: Apache-2.0
"""Knot, the other name server for RFC 2136: a primary whose keys may change TXT records and nothing else."""
import base64
import hashlib
import signal

from lib.ca.server import Server
from lib.wait import wait_for

from .bind import ALGORITHMS, ZONE, Bind
from .named import own_address
from .query import ask, serial, values
from .tree import server_name

CONFIG = """\
server:
  rundir: {folder}
  listen: {address}@53
log:
  - target: stderr
    any: info
database:
  storage: {folder}
key:
{keys}
acl:
  - id: certroll
    key: [{names}]
    action: update
    update-type: [TXT]
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    acl: certroll
zone:
{zones}
"""


class Knot(Server):
    """keys: algorithm of TSIG -> (name, secret in base64). What lib.dns.Bind has for Issuers."""

    def __init__(self, folder, name="knot"):
        super().__init__(folder, name)
        self.address = own_address()
        self.names = []
        self.keys = {a: (f"{a}.{name}", base64.b64encode(hashlib.sha512(a.encode()).digest()[:32]).decode())
                     for a in ALGORITHMS}

    def _write(self):
        keys = "\n".join(f"  - id: {name}\n    algorithm: {a}\n    secret: {secret}"
                         for a, (name, secret) in self.keys.items())
        file = self.folder / "knot.conf"
        names = ", ".join(name for name, _ in self.keys.values())
        zones = "\n".join(f"  - domain: {zone}" for zone in self.names)
        file.write_text(CONFIG.format(folder=self.folder, address=self.address, keys=keys, names=names, zones=zones))
        return file

    def command(self):
        return ["/usr/sbin/knotd", "-c", self._write()]

    def is_ready(self):
        try:
            return ask(self.address, ".", "SOA", timeout=1) is not None
        except OSError:
            return False

    def servers(self):
        return [self]

    def add_zone(self, zone, records=""):
        """records: more of its text."""
        name = server_name(self.address)
        (self.folder / f"{zone}.zone").write_text(ZONE.format(first=name, servers=f"@ NS {name}", records=records))
        self.names.append(zone)
        self._write()
        self.process.send_signal(signal.SIGHUP)
        wait_for(f"{self.name} to serve {zone}", lambda: serial(self.address, zone), 10, self.tail)

    def values(self, name):
        """What it holds: its address -> values."""
        return {self.address: values(self.address, name)}

    # What Issuers are told is the same for both.
    secret, solver = Bind.secret, Bind.solver
