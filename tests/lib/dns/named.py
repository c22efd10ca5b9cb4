# SPDX-License-Identifier: Apache-2.0
"""BIND as a process of a test's own."""
import contextlib
import functools
import signal
import subprocess

from lib.ca.server import Server
from lib.ports import free_port

from .query import ask

OPTIONS = """\
options {{
  directory "{folder}";
  pid-file none; {lock} session-keyfile none;
  listen-on port 53 {{ {address}; }}; listen-on-v6 {{ none; }};
  allow-query {{ any; }}; allow-transfer {{ any; }};
  dnssec-validation no; empty-zones-enable no; max-cache-size 16m;
  {options}
}};
controls {{ }};
{zones}
"""


@functools.cache
def lock_option():
    """Two servers of BIND 9.18 may not run beside each other while they have a lock file; 9.20 has none, and no option for
    it."""
    version = subprocess.run(["/usr/sbin/named", "-v"], check=True, capture_output=True, text=True, timeout=10).stdout
    return "lock-file none;" if version.startswith("BIND 9.18") else ""


_reachable = []  # addresses that pods reach, while there are any


@contextlib.contextmanager
def beside(host, count=8):
    """Servers that are made meanwhile, so many at most, are on addresses beside this one of the machine's, so that pods reach
    them. The machine answers for them because loopback has them."""
    network = host.rpartition(".")[0]
    _reachable[:] = [f"{network}.{last}" for last in range(200 + count, 200, -1)]
    added = [f"{address}/32" for address in _reachable]
    for address in added:
        subprocess.run(["ip", "address", "replace", address, "dev", "lo"], check=True, timeout=10)
    try:
        yield
    finally:
        _reachable.clear()
        for address in added:  # a server that ended has taken its own away
            subprocess.run(["ip", "address", "del", address, "dev", "lo"], timeout=10, stderr=subprocess.DEVNULL)


def own_address(v6=False):
    """An address that nobody else has, of loopback but for beside(): several runs have port 53 beside each other."""
    if _reachable and not v6:
        return _reachable.pop()
    port = free_port()
    return f"fd53::{port:x}" if v6 else f"127.53.{port >> 8}.{port & 255}"


def on_loopback(verb, address):
    """verb: "replace" or "del". Some servers listen on nothing but addresses that an interface has."""
    host = [f"{address}/128", "dev", "lo", "nodad"] if ":" in address else [f"{address}/32", "dev", "lo"]
    subprocess.run(["ip", "address", verb, *host], check=True, timeout=10)


class Named(Server):
    """address: where it listens, on port 53; loopback has it meanwhile. A subclass says its options() and zones() as text
    of named.conf."""

    def __init__(self, folder, name):
        super().__init__(folder, name)
        self.address = own_address()

    def start(self):
        self._write()
        on_loopback("replace", self.address)
        return super().start()

    def stop(self):
        if self.process is not None:
            super().stop()
            on_loopback("del", self.address)
            self.process = None

    def options(self):
        return "recursion no; notify no;"

    def zones(self):
        return ""

    def _write(self):
        file = self.folder / "named.conf"
        file.write_text(OPTIONS.format(folder=self.folder, address=self.address, lock=lock_option(), options=self.options(),
                                       zones=self.zones()))
        return file

    def command(self):
        return ["/usr/sbin/named", "-g", "-4", "-n", "1", "-c", self._write()]

    def is_ready(self):
        try:
            return ask(self.address, ".", "SOA", timeout=1) is not None
        except OSError:
            return False

    def reload(self):
        """Reads configuration and zone files again, some time soon."""
        self._write()
        self.process.send_signal(signal.SIGHUP)
