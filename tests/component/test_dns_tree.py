# SPDX-License-Identifier: Apache-2.0
"""The DNS that DNS-01 is tested with, without certroll: certbot issues from it, and it tells the truth."""
import time

import pytest

from lib.certbot import certbot
from lib.dns import NXDOMAIN, Bind, Knot, Secondary, ask, delegation, values
from lib.tls import Leaf, verify
from lib.wait import stays, wait_for

CREDENTIALS = """\
dns_rfc2136_server = {address}
dns_rfc2136_port = 53
dns_rfc2136_name = {name}
dns_rfc2136_secret = {secret}
dns_rfc2136_algorithm = HMAC-SHA256
"""


def rfc2136(bind, folder, secret=None, seconds=0):
    """Options for certbot; seconds: that it waits, since it looks nowhere."""
    name, right = bind.keys["hmac-sha256"]
    file = folder / "credentials.ini"
    file.write_text(CREDENTIALS.format(address=bind.address, name=name, secret=secret or right))
    file.chmod(0o600)
    return ("--authenticator", "dns-rfc2136", "--dns-rfc2136-credentials", file,
            "--dns-rfc2136-propagation-seconds", seconds)


def test_certbot_issues_by_dns01(dns01_ca, bind, zone, tmp_path):
    """A wildcard and its apex, whose values are at one name. Nothing of it stays."""
    code, said, chain = certbot(dns01_ca, tmp_path, f"*.{zone}", zone, options=rfc2136(bind, tmp_path))
    assert code == 0, f"{said}\n{dns01_ca.tail()}\n{bind.tail()}"
    root, between = tmp_path / "root.pem", tmp_path / "between.pem"
    root.write_text(dns01_ca.root())
    between.write_text(chain)
    verify(chain, root, between)
    assert sorted(Leaf(chain).names) == sorted([f"DNS:{zone}", f"DNS:*.{zone}"])
    assert bind.values(f"_acme-challenge.{zone}") == {bind.address: []}


@pytest.mark.full
def test_certbot_issues_from_knot(dns01_ca, dns_tree, ns, folder, tmp_path):
    with Knot(folder / "dns") as knot:
        knot.add_zone(f"{ns}.test")
        dns_tree.delegate(f"{ns}.test", knot)
        code, said, _ = certbot(dns01_ca, tmp_path, f"*.{ns}.test", options=rfc2136(knot, tmp_path))
        assert code == 0, f"{said}\n{dns01_ca.tail()}\n{knot.tail()}"
        assert knot.values(f"_acme-challenge.{ns}.test") == {knot.address: []}


@pytest.mark.full
def test_a_zone_that_is_not_delegated_is_refused(dns01_ca, bind, ns, tmp_path):
    """So validation is real: BIND has the value, but from the root down there is no such zone."""
    bind.add_zone(f"{ns}.hidden")
    code, said, _ = certbot(dns01_ca, tmp_path, f"{ns}.hidden", options=rfc2136(bind, tmp_path))
    assert code != 0 and "dns" in said.lower(), said


def test_the_resolver_starts_at_the_root(dns_tree, bind, ns):
    """Delegations, a zone within a zone, aliases from one zone into another, and what is nowhere."""
    parent, child, other = f"{ns}.test", f"_acme-challenge.{ns}.test", f"{ns}.example"
    resolver = dns_tree.resolver.address
    bind.add_zone(parent, delegation(child, bind) + f"\n_acme-challenge.www CNAME www.{other}.")
    bind.add_zone(child, '@ TXT "in the child"')
    bind.add_zone(other, 'www TXT "in the other"')
    assert ask(resolver, parent, "SOA", recursive=True).rcode == NXDOMAIN
    dns_tree.delegate(parent, bind)
    dns_tree.delegate(other, bind)
    wait_for("the absence to be forgotten", lambda: ask(resolver, parent, "SOA", recursive=True).rcode == 0)
    assert values(resolver, child, recursive=True) == ["in the child"]
    assert values(resolver, f"_acme-challenge.www.{parent}", recursive=True) == ["in the other"]
    assert ask(resolver, f"nothing.{parent}", recursive=True).rcode == NXDOMAIN
    assert not ask(resolver, parent, "SOA", recursive=True).authoritative
    assert ask(bind.address, parent, "SOA").authoritative


def test_a_secondary_is_as_late_as_it_is_told(folder, ns):
    """Not before it is released, and not before its time."""
    zone, name = f"{ns}.test", f"_acme-challenge.{ns}.test"
    with Secondary(folder / "dns", "late", lag=None) as late, Bind(folder / "dns", "early", [late]) as early:
        early.add_zone(zone)
        early.change(zone, name, "one")
        assert early.values(name)[early.address] == ["one"]
        stays("the secondary without it", lambda: early.values(name)[late.address] == [], 0.5)
        late.release()
        wait_for("the secondary to have it", lambda: early.values(name)[late.address] == ["one"])
        late.relay.lag = 1
        early.change(zone, name, "two")
        changed = time.monotonic()
        wait_for("both to have it", lambda: all(v == ["one", "two"] for v in early.values(name).values()))
        assert 1 <= time.monotonic() - changed < 3
        early.change(zone, name, "one", remove=True)
        wait_for("it to go everywhere", lambda: all(v == ["two"] for v in early.values(name).values()))
