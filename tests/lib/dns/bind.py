# SPDX-License-Identifier: Apache-2.0
"""BIND 9 as users have it for RFC 2136: a primary with dynamic zones and keys, and secondaries that lag."""
import base64
import hashlib
import pathlib
import socket
import subprocess
import threading
import time

from lib.wait import readable, wait_for

from .named import Named
from .query import STRANGER, serial, update, values
from .tree import server_name

ALGORITHMS = ("hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
# Absences are remembered for a second: a resolver that was asked too early is wrong for that long.
ZONE = """\
$TTL 60
@ SOA {first} hostmaster.test. 1 3600 3600 86400 1
{servers}
{records}
"""
# Changes are told at once, however many there are.
QUICK = "notify-delay 0; notify-rate 1000; startup-notify-rate 1000; serial-query-rate 1000;"


class Relay:
    """NOTIFYs of a primary on their way to a secondary, seconds late; None: until release()."""

    def __init__(self, secondary, lag):
        self.secondary, self.lag = secondary, lag
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.waiting, self.ended = [], False
        threading.Thread(target=self._run, daemon=True).start()

    def release(self):
        """What waits goes now, and what comes from now on goes at once."""
        self.lag = 0

    def _run(self):
        while not self.ended:
            if readable([self.socket], 0.02):
                message, sender = self.socket.recvfrom(4096)
                if sender[0] == self.secondary:
                    continue  # its answer
                answer = bytearray(message)
                answer[2] |= 0x80  # the primary shall not ask again
                self.socket.sendto(answer, sender)
                self.waiting.append((time.monotonic(), message))
            self._pass_on()
        self.socket.close()

    def _pass_on(self):
        while self.waiting and self.lag is not None and time.monotonic() >= self.waiting[0][0] + self.lag:
            self.socket.sendto(self.waiting.pop(0)[1], (self.secondary, 53))

    def close(self):
        self.ended = True


class Secondary(Named):
    """lag: seconds until it sees a change; None: not before release(). Made before its primary."""

    def __init__(self, folder, name="secondary", lag=0):
        super().__init__(folder, name)
        self.primary, self.names = None, []
        self.relay = Relay(self.address, lag)

    def options(self):
        return "recursion no; notify no; allow-notify { any; }; serial-query-rate 1000;"

    def zones(self):
        copy = 'zone "{0}" {{ type secondary; file "{0}.copy"; primaries {{ {1}; }}; }};'
        return "\n".join(copy.format(name, self.primary.address) for name in self.names)

    def follow(self, zone):
        """Serves the zone of its primary as it is now."""
        self.names.append(zone)
        self.reload()
        wait_for(f"{self.name} to serve {zone}", lambda: serial(self.address, zone), 20, self.tail)

    def release(self):
        self.relay.release()

    def stop(self):
        self.relay.close()
        super().stop()


class Bind(Named):
    """A primary. keys: algorithm of TSIG -> (name, secret in base64); locked: zones that they may not change. Both may be
    changed before a reload(). ahead: seconds that its clock is; before a start."""

    def __init__(self, folder, name="bind", secondaries=(), ahead=0):
        super().__init__(folder, name)
        self.secondaries, self.names, self.new = list(secondaries), [], []
        self.locked, self.ahead = set(), ahead
        self.keys = {a: (f"{a}.{name}", base64.b64encode(hashlib.sha512(a.encode()).digest()[:32]).decode())
                     for a in ALGORITHMS}
        for secondary in self.secondaries:
            secondary.primary = self

    def environ(self):
        if not self.ahead:
            return {}
        library = self.folder / "skewed_clock.so"
        source = pathlib.Path(__file__).with_name("skewed_clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", f"-DAHEAD={self.ahead}", "-o", library, source], check=True,
                       timeout=60)
        return {"LD_PRELOAD": str(library)}

    def options(self):
        also = " ".join(f"127.0.0.1 port {s.relay.port};" for s in self.secondaries)
        return f"recursion no; {QUICK} notify explicit; also-notify {{ {also} }};"

    def zones(self):
        text = [f'key "{name}" {{ algorithm {a}; secret "{secret}"; }};' for a, (name, secret) in self.keys.items()]
        allowed = " ".join([f"{STRANGER};", *(f'key "{name}";' for name, _ in self.keys.values())])
        text += [f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
                 f'allow-update {{ {"none;" if zone in self.locked else allowed} }}; }};' for zone in self.names]
        return "\n".join(text)

    def servers(self):
        return [self, *self.secondaries]

    def add_zone(self, zone, records="", servers=None):
        """A dynamic zone, on its secondaries too. records: more of its text; servers: those that it names instead."""
        self.prepare_zone(zone, records, servers)
        self.serve()

    def prepare_zone(self, zone, records="", servers=None):
        """The same, to be served from the next serve() on: a reload takes its time, and many zones can have one."""
        servers = "\n".join(f"@ NS {server_name(s.address)}" for s in servers or self.servers())
        text = ZONE.format(first=server_name(self.address), servers=servers, records=records)
        (self.folder / f"{zone}.zone").write_text(text)
        self.names.append(zone)
        self.new.append(zone)

    def serve(self):
        self.reload()
        for zone in self.new:
            wait_for(f"{self.name} to serve {zone}", lambda name=zone: serial(self.address, name), 20, self.tail)
            for secondary in self.secondaries:
                secondary.follow(zone)
        self.new = []

    def values(self, name):
        """What each of its servers holds: address -> values."""
        return {s.address: values(s.address, name) for s in self.servers()}

    def change(self, zone, name, text, remove=False):
        """What another tool does to the zone."""
        update(self.address, zone, name, text, remove)

    def change_key(self, algorithm):
        """Another secret under the same name; the old one is refused."""
        name, secret = self.keys[algorithm]
        self.keys[algorithm] = (name, base64.b64encode(hashlib.sha512(secret.encode()).digest()[:32]).decode())
        self.reload()

    # ---- for Issuers

    def secret(self, namespace, name="tsig", algorithm="hmac-sha256"):
        return {"kind": "Secret", "metadata": {"name": name, "namespace": namespace},
                "stringData": {"secret": self.keys[algorithm][1]}}

    def solver(self, algorithm="hmac-sha256", secret="tsig", **more):
        """The dns01 of a solver."""
        return {"rfc2136": {"nameserver": f"{self.address}:53", "tsigKeyName": self.keys[algorithm][0],
                            "tsigAlgorithm": algorithm.replace("-", "").upper(),
                            "tsigSecretSecretRef": {"name": secret, "key": "secret"}}, **more}
