# SPDX-License-Identifier: Apache-2.0
"""kill -9 while a DNS-01 challenge is pending, and at each step of it: the next process goes on, and no record stays. No
other controller runs beside them."""
import base64
import concurrent.futures
import contextlib
import pathlib
import threading
import types
import uuid

import pytest
from test_crash import AT_ONCE, Issuance

from lib.objects import certificate, dns01_acme
from lib.wait import stays, wait_for

FLAGS = {"leader_elect": "false"}
HOME = "certroll"


def begin(api, ns, ca, bind, zone):
    """An issuance that waits for a secondary."""
    api.create(bind.secret(ns))
    api.create(dns01_acme(ns, ca, bind.solver()))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the value", lambda: bind.values(f"_acme-challenge.{zone}")[bind.address], 30, lambda: api.describe(ns))


def test_what_nobody_can_remove_holds_nothing_up(api, ns, dns01_ca, late, make_controller, dns_tree):
    """Killed while it is pending; Issuer and Secret are gone when the next one starts: an Event names the record."""
    primary, _, zone = late
    name = f"_acme-challenge.{zone}"
    flags = {**FLAGS, "nameservers": dns_tree.address, "namespace": ns}
    first = make_controller("first", **flags).start()
    begin(api, ns, dns01_ca, primary, zone)
    first.kill()
    for kind, thing in (("Secret", "tsig"), ("Issuer", "acme"), ("Certificate", "web")):
        api.delete(kind, ns, thing)
    make_controller("second", **flags).start()
    wait_for("the Challenge to go", lambda: not api.list("Challenge", ns), 30, lambda: api.describe(ns))
    told = wait_for("the Event", lambda: [e for e in api.list("Event", ns) if e.get("reason") == "CleanUpError"], 20)
    assert name in told[0]["note"] and zone in told[0]["note"]


def test_a_controller_that_is_killed_goes_on(api, ns, dns01_ca, late, make_controller, dns_tree):
    """What it put there is known to the next one, who proves and removes it: one order, one value at a time."""
    primary, secondary, zone = late
    name = f"_acme-challenge.{zone}"
    flags = {**FLAGS, "nameservers": dns_tree.address, "namespace": ns}
    first = make_controller("first", **flags).start()
    begin(api, ns, dns01_ca, primary, zone)
    first.kill()
    make_controller("second", **flags).start()
    stays("one value", lambda: len(primary.values(name)[primary.address]) == 1, 1)
    secondary.release()
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go everywhere", lambda: not any(primary.values(name).values()), 20, lambda: api.describe(ns))
    assert len(api.list("Order", ns)) == 1


def test_the_next_leader_goes_on(api, ns, dns01_ca, late, make_controller, dns_tree):
    """The one that held the lease ends while the record is up; who has waited proves and removes it."""
    primary, secondary, zone = late
    api.delete("Lease", HOME, "certroll-controller")
    first, second = (make_controller(name, nameservers=dns_tree.address) for name in ("leader", "next-leader"))
    first.start()
    wait_for("the first to lead", lambda: "msg=leading" in first.text(), 25, first.tail)
    second.start()
    begin(api, ns, dns01_ca, primary, zone)
    first.stop()
    wait_for("the second to lead", lambda: "msg=leading" in second.text(), 10, second.tail)
    assert len(primary.values(f"_acme-challenge.{zone}")[primary.address]) == 1
    secondary.release()
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go everywhere", lambda: not any(primary.values(f"_acme-challenge.{zone}").values()), 20,
             lambda: api.describe(ns))
    assert len(api.list("Order", ns)) == 1
    second.stop()


def test_two_installations_at_one_name(api, dns01_ca, bind, dns_tree, make_controller):
    """Each with its own account, and neither knows of the other: four values at one name, each removes its own. Who is
    validated a moment after the other may meet what the CA's resolver remembers, and goes on with its next order."""
    with contextlib.ExitStack() as ends:
        spaces = [api.namespace(f"t-{uuid.uuid4().hex[:8]}") for _ in range(2)]
        zone = f"{spaces[0]}.test"
        bind.add_zone(zone)
        dns_tree.delegate(zone, bind)
        for one in spaces:
            ends.callback(api.delete, "Namespace", None, one)
            make_controller(one, **FLAGS, nameservers=dns_tree.address, namespace=one, failure_backoff_min="2s",
                            failure_backoff_max="8s").start()
            api.create(bind.secret(one))
            api.create(dns01_acme(one, dns01_ca, bind.solver()))
            api.wait_ready("Issuer", one, "acme", 30)
        for one in spaces:
            api.create(certificate(one, "web", "acme", dnsNames=[zone, f"*.{zone}"]))
        for one in spaces:
            api.wait_ready("Certificate", one, "web", 60)
        wait_for("all to go", lambda: not any(bind.values(f"_acme-challenge.{zone}").values()), 20)


class ByDns(Issuance):
    """One whose name is proven by DNS-01."""
    zones = threading.Lock()

    def flags(self, world):
        return {"nameservers": world.tree.address}

    def host(self):
        return f"{self.ns}.test"

    def add_issuers(self, world, _staging):
        self.bind = world.bind
        with self.zones:
            self.bind.add_zone(self.host())
            world.tree.delegate(self.host(), *self.bind.servers())
        world.api.create(self.bind.secret(self.ns))
        proxy_ca = pathlib.Path(world.env["ACME_CA_BUNDLE"]).read_bytes()
        world.api.create(dns01_acme(self.ns, world.pebble, self.bind.solver(), server=f"{self.ca.url}/dir",
                                    caBundle=base64.b64encode(proxy_ca).decode()))

    def is_done(self):
        return super().is_done() and not any(self.bind.values(f"_acme-challenge.{self.host()}").values())


@pytest.mark.timeout(240)
def test_kill_at_each_step_of_an_issuance_by_dns(api, env, folder, dns01_ca, bind, dns_tree):
    world = types.SimpleNamespace(api=api, env=env, folder=folder, pebble=dns01_ca, bind=bind, tree=dns_tree)
    undisturbed = ByDns(world, None)
    assert undisturbed.run() is None
    assert undisturbed.count > 15, "so many steps at least are known"
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(lambda point: ByDns(world, point).run(), range(1, undisturbed.count + 1))
    failures = [text for text in outcomes if text]
    assert not failures, "\n".join(failures)
