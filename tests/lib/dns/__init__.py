# SPDX-License-Identifier: Apache-2.0
"""Real DNS on loopback, from the root down. Each server has port 53 of an address of its own (127.53.a.b), so whoever
is told a name server's address alone finds it.

query.py     what one server holds itself: no cache, no recursion
named.py     Named: a BIND process; own_address(); beside(): on addresses that pods reach
tree.py      Tree: a root zone, what is delegated from it, and the recursive resolver that starts there: what a CA asks;
             Inside: one with a view of its own; OverHttps: one that is asked over HTTPS as well
bind.py      Bind: a primary with dynamic zones and TSIG keys; Secondary: its copy, late by as much as a test wants
knot.py      Knot: a primary, as Bind
front.py     Front: a server that errs, lies or is silent, before a real one
powerdns.py  PowerDns: with its HTTP API
webhook.py   Webhook: one made for cert-manager, which writes to PowerDNS
"""
from .bind import Bind, Secondary
from .front import Front
from .knot import Knot
from .named import Named, beside, own_address
from .powerdns import PowerDns
from .query import NXDOMAIN, ask, serial, values
from .tree import Inside, OverHttps, Tree, delegation
from .webhook import Webhook

__all__ = ["Bind", "Front", "Inside", "Knot", "NXDOMAIN", "Named", "OverHttps", "PowerDns", "Secondary", "Tree", "Webhook", "ask",
           "beside", "delegation", "own_address", "serial", "values"]
