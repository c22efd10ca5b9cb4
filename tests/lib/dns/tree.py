# SPDX-License-Identifier: Apache-2.0
"""The DNS above the zones of tests: a root, delegations, and a recursive resolver that knows nothing but the root."""
from lib.wait import wait_for

from .named import Named
from .query import serial

# Nothing of the root is remembered for long: zones come and go.
ROOT = """\
$TTL 5
. SOA root. root. {serial} 3600 3600 3600 1
. NS root.
root. A {address}
{records}
"""
HINTS = ". 3600 NS root.\nroot. 3600 A {address}\n"


def server_name(address):
    """What the NS records of a server at that address say; the root knows its A record."""
    return f"{address.replace('.', '-')}.servers."


def delegation(zone, *servers):
    """Records for the zone above: zone is served by these."""
    return "\n".join(f"{zone}. NS {server_name(server.address)}" for server in servers)


class Root(Named):
    def __init__(self, folder):
        super().__init__(folder, "root")
        self.serial, self.zones_below = 1, {}
        self._write_zone()

    def _write_zone(self):
        servers = {s.address for below in self.zones_below.values() for s in below}
        records = [f"{server_name(address)} A {address}" for address in sorted(servers)]
        records += [delegation(zone, *below) for zone, below in self.zones_below.items()]
        text = ROOT.format(serial=self.serial, address=self.address, records="\n".join(records))
        (self.folder / "root.zone").write_text(text)

    def zones(self):
        return 'zone "." { type primary; file "root.zone"; };'

    def delegate(self, zones):
        self.zones_below.update(zones)
        self.serial += 1
        self._write_zone()
        self.reload()
        wait_for(f"the root to delegate {zones}", lambda: serial(self.address, ".") == self.serial, 10, self.tail)


class Resolver(Named):
    """Recursive. A failure is not remembered, an absence as long as its zone says; all else for so many seconds at most."""

    def __init__(self, folder, root, name="resolver", remember=604800):
        super().__init__(folder, name)
        self.remember = remember
        (self.folder / "hints").write_text(HINTS.format(address=root.address))

    def options(self):
        return f"recursion yes; allow-recursion {{ any; }}; servfail-ttl 0; lame-ttl 0; max-cache-ttl {self.remember};"

    def zones(self):
        return 'zone "." { type hint; file "hints"; };'


class OverHttps(Resolver):
    """One that is asked over HTTPS as well, and logs what it is asked."""

    def __init__(self, folder, root, authority, name="over-https"):
        super().__init__(folder, root, name)
        self.certificate, self.key = (path.resolve() for path in authority.server(self.address))
        self.url = f"https://{self.address}/dns-query"

    def options(self):
        return super().options() + f" querylog yes; listen-on port 443 tls own http default {{ {self.address}; }};"

    def zones(self):
        return super().zones() + f' tls own {{ cert-file "{self.certificate}"; key-file "{self.key}"; }};'

    def was_asked(self, name):
        return f"query: {name} IN TXT" in self.log.read_text()


class Inside(Resolver):
    """One that knows the zone from itself: its view has a name server in the zone, which is this one."""

    def __init__(self, folder, name, root, zone):
        super().__init__(folder, root, name)
        self.zone = zone
        (self.folder / "inside.zone").write_text(f"$TTL 60\n@ SOA ns root. 1 3600 3600 86400 1\n@ NS ns\nns A {self.address}\n")

    def zones(self):
        return super().zones() + f' zone "{self.zone}" {{ type primary; file "inside.zone"; }};'


class Tree:
    """address: host:port of the resolver, for Pebble and for --nameservers. more: of the resolver."""

    def __init__(self, folder, **more):
        self.root = Root(folder)
        self.resolver = Resolver(folder, self.root, **more)
        self.address = f"{self.resolver.address}:53"

    def delegate(self, zone, *servers):
        """From now on the zone is where these serve it. A zone below another one of the tree: write delegation() into
        the zone above."""
        self.root.delegate({zone: servers})

    def delegate_all(self, zones):
        """The same for many at once: zone -> servers."""
        self.root.delegate(zones)

    def forget(self):
        """The resolver knows nothing any more, as if the TTLs of what it was told were over."""
        self.resolver.stop()
        self.resolver.start()

    def __enter__(self):
        self.root.start()
        try:
            self.resolver.start()
        except BaseException:
            self.root.stop()
            raise
        return self

    def __exit__(self, *_):
        self.resolver.stop()
        self.root.stop()
