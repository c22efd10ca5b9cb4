# SPDX-License-Identifier: Apache-2.0
"""Real ACME servers, each a process on loopback ports of its own:

authority.py       Authority: a root of the test's own, for the servers' TLS and for CAs that need keys
server.py          Server: a process with a configuration, ended by its pid; AcmeServer: what a test needs of a CA
names.py           Names: the DNS server that they ask, which says 127.0.0.1 for every name until told otherwise
pebble.py          Pebble (pinned) and DebianPebble (old): every knob is an argument
stepca.py          StepCa: smallstep's CA
acme2certifier.py  Acme2certifier: an implementation in Python

HTTP-01 validations go to 127.0.0.1 on the port that the constructor is given, but acme2certifier's to port 80.
"""
from .acme2certifier import Acme2certifier
from .authority import Authority
from .names import Names
from .pebble import DebianPebble, Pebble
from .server import AcmeServer, Server, build_tool
from .stepca import StepCa

__all__ = ["Acme2certifier", "AcmeServer", "Authority", "DebianPebble", "Names", "Pebble", "Server", "StepCa",
           "build_tool"]
