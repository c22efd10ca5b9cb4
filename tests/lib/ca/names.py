# SPDX-License-Identifier: Apache-2.0
"""challtestsrv as a DNS server of the test's own."""
import socket

from lib.pebble import Dns
from lib.ports import free_port

from .server import Server, build_tool


class Names(Server):
    """address: host:port; standard: an address where it listens on port 53, for servers that know no other. dns: its
    management, as lib.pebble.Dns."""

    def __init__(self, folder, tools=None):
        super().__init__(folder, "names")
        self.port, self.management = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        # One address of loopback for each, so that several runs have port 53.
        self.standard = f"127.53.{self.port >> 8}.{self.port & 255}"
        self.tools = tools or build_tool("pebble")
        self.dns = Dns({"DNS_MGMT": f"http://127.0.0.1:{self.management}"})

    def command(self):
        return [self.tools / "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "",
                "-https01", "", "-tlsalpn01", "", "-doh", "", "-dnsserver", f"{self.address},{self.standard}:53",
                "-management", f"127.0.0.1:{self.management}"]

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.management), 1).close()
            return True
        except OSError:
            return False
