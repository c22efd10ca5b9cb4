# SPDX-License-Identifier: Apache-2.0
"""PowerDNS with SQLite and its HTTP API, as Debian has it."""
import json
import pathlib
import sqlite3
import urllib.error
import urllib.request

from lib.ca.server import Server
from lib.ports import free_port

from .named import own_address
from .query import values
from .tree import server_name

SCHEMA = pathlib.Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
CONFIG = """\
launch=gsqlite3
gsqlite3-database={folder}/zones.db
local-address={address}
local-port=53
socket-dir={folder}
api=yes
api-key={key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={port}
webserver-allow-from=127.0.0.1
primary=yes
default-soa-content={first} hostmaster.@ 1 3600 3600 86400 1
{options}
"""


class PowerDns(Server):
    """url: of the API; key: that it wants to see. secondaries: those of bind.py, for zones of kind Primary."""

    def __init__(self, folder, name="powerdns", secondaries=()):
        super().__init__(folder, name)
        self.address, self.port, self.key = own_address(), free_port(), "key-of-the-test"
        self.url = f"http://127.0.0.1:{self.port}"
        self.secondaries = list(secondaries)
        for secondary in self.secondaries:
            secondary.primary = self
        self._write()
        database = sqlite3.connect(self.folder / "zones.db")
        database.executescript(SCHEMA.read_text())
        database.close()

    def _write(self):
        also = ",".join(f"127.0.0.1:{s.relay.port}" for s in self.secondaries)
        options = f"also-notify={also}\nonly-notify=" if also else ""
        text = CONFIG.format(folder=self.folder, address=self.address, key=self.key, port=self.port, options=options,
                             first=server_name(self.address))
        (self.folder / "pdns.conf").write_text(text)

    def command(self):
        return ["/usr/sbin/pdns_server", f"--config-dir={self.folder}", "--daemon=no", "--guardian=no",
                "--disable-syslog=yes", "--write-pid=no"]

    def change_key(self, key):
        """A new process that knows the new key only."""
        self.stop()
        self.key = key
        self._write()
        self.start()

    def request(self, method, path, body=None):
        """Below /api/v1/servers/localhost; status and decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/servers/localhost{path}", data, method=method,
                                         headers={"X-API-Key": self.key, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def is_ready(self):
        try:
            return self.request("GET", "")[0] == 200
        except OSError:
            return False

    def add_zone(self, zone, kind="Native", records=()):
        """records: (name, type, content), absolute names with their dots."""
        servers = [self, *(self.secondaries if kind != "Native" else [])]
        sets = [{"name": name, "type": kind_, "ttl": 60, "records": [{"content": content, "disabled": False}]}
                for name, kind_, content in records]
        status, answer = self.request("POST", "/zones", {
            "name": f"{zone}.", "kind": kind, "nameservers": [server_name(s.address) for s in servers],
            "rrsets": sets})
        assert status == 201, f"adding {zone}: {status} {answer}"
        if kind != "Native":
            for secondary in self.secondaries:
                secondary.follow(zone)

    def rrset(self, zone, name):
        """The API's TXT record set of a name, or None."""
        status, answer = self.request("GET", f"/zones/{zone}.")
        assert status == 200, answer
        return next((r for r in answer["rrsets"] if r["name"] == f"{name}." and r["type"] == "TXT"), None)

    def servers(self):
        return [self, *self.secondaries]

    def values(self, name):
        """What each of its servers holds: address -> values."""
        return {s.address: values(s.address, name) for s in self.servers()}

    # ---- for Issuers

    def secret(self, namespace, name="powerdns"):
        return {"kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": {"key": self.key}}

    def solver(self, secret="powerdns", **more):
        """The dns01 of a solver."""
        return {"powerdns": {"url": self.url, "apiKeySecretRef": {"name": secret, "key": "key"}}, **more}
