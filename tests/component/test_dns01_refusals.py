# SPDX-License-Identifier: Apache-2.0
"""DNS-01 where servers err, lie or are silent. All begin at once, one Certificate with a zone and an Issuer each: each says
what is wrong, at which server, and what to do; none asks often; and all come right by themselves, with the order that they
have, once the servers have."""
import contextlib
import uuid

import pytest

from lib.api import condition
from lib.audit import Audit
from lib.ca import Pebble
from lib.dns import NXDOMAIN, Bind, Front, Inside
from lib.dns.front import (AA, NOTZONE, REFUSED, SERVFAIL, badly_signed, no_authority, place, says, silent,
                           truncated, unsigned, updates, values_of_challenges)
from lib.objects import certificate, dns01_acme
from lib.ports import free_port
from lib.wait import wait_for

AHEAD = 3600
TRIES = 5  # in the half minute that a row takes at most: after 5 s, 10 s, 20 s


class Scene:
    """zone; bind: who holds it; at: whom Issuers send updates to; solver; says: what the Challenge has to say; mend()."""

    def __init__(self, what, zone, bind, at=None):
        self.what, self.zone, self.bind, self.at = what, zone, bind, at or bind
        self.solver = bind.solver()
        self.solver["rfc2136"]["nameserver"] = self.at.address
        self.says, self.mend = [], lambda: None
        self.next = "it is tried again meanwhile"
        self.name = f"_acme-challenge.{zone}"

    def by_update(self, *says):
        """It is the provider's: what is said of its updates."""
        return [f"rfc2136: TXT record {self.name} in zone {self.zone}: update of zone {self.zone} at {self.at.address}", *says]


# Before a good server: which messages, what becomes of them, whether the provider is to blame, and what is said of it.
FRONTS = {
    "update-fails": ([(updates, says(SERVFAIL))], True, "answered SERVFAIL: look into the server's log"),
    "update-of-another-zone": ([(updates, says(NOTZONE))], True, "answered NOTZONE", "nameservers that see the zones"),
    "update-is-not-heard": ([(updates, silent)], True, "no answer in time: look at its port"),
    "answer-without-signature": ([(updates, unsigned)], True, "the answer is not signed"),
    "answer-of-a-wrong-signature": ([(updates, badly_signed)], True, "the answer's signature is wrong"),
    "server-fails": ([(place, says(SERVFAIL))], False, "answered SERVFAIL", "set selfCheck.mode"),
    "server-refuses": ([(place, says(REFUSED))], False, "answered REFUSED", "set selfCheck.mode"),
    "server-is-not-heard": ([(place, silent)], False, "no answer in time", "set selfCheck.mode"),
    "server-has-no-authority": ([(place, no_authority)], False, "it is not authoritative", "set selfCheck.mode"),
    "answers-are-cut-and-tcp-is-closed": ([(place, truncated)], False, "over TCP: Connection refused", "set selfCheck.mode"),
    "update-is-cut-and-tcp-is-closed": ([(updates, truncated)], True, "over TCP: Connection refused"),
}
REAL = ("another-algorithm", "clock-is-ahead", "zone-is-locked", "not-the-primary", "resolver-fails",
        "resolver-does-not-know", "another-view", "ipv6-lags")
GOOD = ("answers-are-cut", "answers-are-forged")


class Stage:
    """All of them, in one namespace."""

    def __init__(self, api, folder, ca, tree, ends):
        self.api, self.folder, self.ca, self.tree, self.ends = api, folder, ca, tree, ends
        self.bind, self.strict = (ends.enter_context(Bind(folder / "dns", name)) for name in ("behind", "strict"))
        self.ahead = ends.enter_context(Bind(folder / "dns", "ahead", ahead=AHEAD))
        self.ns = api.namespace(f"t-{uuid.uuid4().hex[:8]}")
        self.scenes, self.fronts, self.delegated = {}, {}, {}
        for what, (rules, by_provider, *parts) in FRONTS.items():
            self.add_front(what, rules, by_provider, parts)
        for what in REAL:
            getattr(self, "add_" + what.replace("-", "_"))(self.scene(what, self.ahead if "clock" in what else self.strict))
        for what, settings in zip(GOOD, ({"rules": [(lambda _: True, truncated)]}, {"forges": True})):
            self.front(what, settings.pop("rules", []), **settings)

    def scene(self, what, bind, at=None):
        self.scenes[what] = Scene(what, f"{what}.{self.ns}.test", bind, at)
        return self.scenes[what]

    def delegate(self, scene, *servers):
        self.delegated[scene.zone] = servers or [scene.bind]

    # ---- servers that are none

    def front(self, what, rules, **settings):
        front = self.fronts[what] = self.ends.enter_context(Front(self.bind.address, *rules, **settings))
        scene = self.scene(what, self.bind, front)
        self.bind.prepare_zone(scene.zone, servers=[front])
        self.delegate(scene, front)
        scene.mend = front.mend
        return scene

    def add_front(self, what, rules, by_provider, parts):
        scene = self.front(what, rules, tcp="tcp" not in what)
        scene.says = scene.by_update(*parts) if by_provider else [
            f"{scene.name}: no server of zone {scene.zone} answers for it: ", scene.at.address, *parts]

    # ---- real ones

    def add_another_algorithm(self, scene):
        self.add_zone(scene)
        scene.solver["rfc2136"]["tsigAlgorithm"] = "HMACSHA512"
        scene.says = scene.by_update("with hmac-sha512 (BADKEY): compare the key's name, algorithm")
        scene.mend = lambda: self.patch(scene, self.strict.solver())

    def add_clock_is_ahead(self, scene):
        self.add_zone(scene)
        scene.says = scene.by_update("clock is 60 minutes ahead of ours (BADTIME): set both by a time server")

        def mend():
            self.ahead.stop()
            self.ahead.ahead = 0
            self.ahead.start()
        scene.mend = mend

    def add_zone_is_locked(self, scene):
        self.strict.locked.add(scene.zone)
        self.add_zone(scene)
        scene.says = scene.by_update(f"answered REFUSED: allow the key to change TXT records of {scene.name} there")

        def mend():
            self.strict.locked.clear()
            self.strict.reload()
        scene.mend = mend

    def add_not_the_primary(self, scene):
        scene.bind = self.bind
        self.add_zone(scene)
        scene.solver = self.strict.solver()
        scene.says = scene.by_update("answered NOTAUTH", "let the solver's nameserver be that")
        scene.mend = lambda: self.patch(scene, self.bind.solver())

    def add_resolver_fails(self, scene):
        """Its servers do not have the zone that is delegated to them, so the resolver knows nothing."""
        self.delegate(scene)
        scene.says = [scene.name, self.tree.address, "answered SERVFAIL"]
        scene.mend = lambda: scene.bind.add_zone(scene.zone)

    def add_resolver_does_not_know(self, scene):
        """Whoever the solver asks knows nothing below the root."""
        self.add_zone(scene)
        scene.solver["selfCheck"] = {"nameservers": [f"{self.tree.root.address}:53"]}
        scene.says = [f"{scene.name}: no zone is found for {scene.zone}", "let selfCheck.nameservers be resolvers that do"]
        scene.mend = lambda: self.patch(scene, self.strict.solver())

    def add_another_view(self, scene):
        """Split horizon: what the solver asks has servers of its own for the zone, and they never have the value."""
        self.add_zone(scene)
        inside = self.ends.enter_context(Inside(self.folder / "dns", "inside", self.tree.root, scene.zone))
        scene.solver["selfCheck"] = {"nameservers": [f"{inside.address}:53"]}
        scene.says = [scene.name, "1 of 1 servers do not show the value yet", f"{inside.address} has no such record"]
        scene.next = "(split horizon), let selfCheck ask resolvers that see the CA's"
        scene.mend = lambda: self.patch(scene, self.strict.solver(
            selfCheck={"mode": "resolvers", "nameservers": [self.tree.address]}))

    def add_ipv6_lags(self, scene):
        """One of two servers, known by an IPv6 address alone."""
        front = self.ends.enter_context(Front(scene.bind.address, (values_of_challenges, says(AA | NXDOMAIN)), v6=True))
        scene.bind.prepare_zone(scene.zone, f"@ NS six\nsix AAAA {front.address}")
        self.delegate(scene)
        scene.says = ["Waiting for DNS-01 challenge propagation", scene.name, "1 of 2 servers do not show the value yet",
                      f"{front.address} has no such record"]
        scene.next, scene.mend = "the name servers to show the TXT record", front.mend

    def add_zone(self, scene):
        scene.bind.prepare_zone(scene.zone)
        self.delegate(scene)

    # ---- for users

    def patch(self, scene, solver):
        solver["rfc2136"]["tsigSecretSecretRef"]["name"] = f"tsig-{self.holder(solver).name}"
        self.api.patch("Issuer", self.ns, scene.what, {"spec": {"acme": {"solvers": [{"dns01": solver}]}}})

    def begin(self):
        self.tree.delegate_all(self.delegated)
        for bind in (self.bind, self.strict, self.ahead):
            bind.serve()
            self.api.create(bind.secret(self.ns, f"tsig-{bind.name}"))
        for scene in self.scenes.values():
            scene.solver["rfc2136"]["tsigSecretSecretRef"]["name"] = f"tsig-{self.holder(scene.solver).name}"
            self.api.create(dns01_acme(self.ns, self.ca, scene.solver, scene.what))
        for scene in self.scenes.values():
            self.api.wait_ready("Issuer", self.ns, scene.what, 60)
            self.api.create(certificate(self.ns, scene.what, scene.what, dnsNames=[scene.zone]))

    def holder(self, solver):
        """Whose key it has."""
        key = solver["rfc2136"]["tsigKeyName"]
        return next(b for b in (self.bind, self.strict, self.ahead) if key in (name for name, _ in b.keys.values()))

    def challenge(self, scene):
        found = [c for c in self.api.list("Challenge", self.ns) if c["spec"]["dnsName"] == scene.zone]
        return found[0] if found else {}

    def said(self, scene):
        return self.challenge(scene).get("status", {}).get("reason", "")


@pytest.fixture(scope="module")
def stage(api, env, account, folder, dns_tree, dns01_ca, shared_dns01_controller):
    with contextlib.ExitStack() as ends:
        one = Stage(api, folder, dns01_ca, dns_tree, ends)
        one.audit = Audit(env["AUDIT_LOG"], account[1])
        one.begin()
        yield one
        api.delete("Namespace", None, one.ns)


@pytest.fixture(scope="module")
def mended(stage):
    """It, when all servers are good."""
    stage.tried = {what: len(front.updates()) for what, front in stage.fronts.items()}
    for scene in stage.scenes.values():
        scene.mend()
    return stage


@pytest.mark.parametrize("what", [*FRONTS, *REAL])
def test_what_is_wrong_is_said(api, dns01_controller, stage, what):
    scene = stage.scenes[what]
    wait_for("a reason", lambda: stage.said(scene), 30, lambda: api.describe(stage.ns))
    found = stage.challenge(scene)["status"]
    for part in scene.says:
        assert part in found["reason"], found["reason"]
    assert scene.next in found["nextAction"]

    def told():
        next_action = api.get("Certificate", stage.ns, what)["status"].get("nextAction", "")
        return all(part in next_action for part in scene.says)

    wait_for("the Certificate to say so, too", told, 20, lambda: api.describe(stage.ns))
    assert stage.holder(scene.solver).keys["hmac-sha256"][1] not in api.describe(stage.ns)


@pytest.mark.parametrize("what", GOOD)
def test_what_lies_or_is_cut_is_no_obstacle(api, dns01_controller, stage, what):
    """Nothing is ever said of it: what is cut comes by TCP, and what is forged is not looked at."""
    scene = stage.scenes[what]
    api.wait_ready("Certificate", stage.ns, what, 60)
    wait_for("its value to go", lambda: not any(scene.bind.values(scene.name).values()), 20, lambda: api.describe(stage.ns))
    assert {one.tcp for one in stage.fronts[what].updates()} == {False} if "forged" in what else True
    told = [e for e in api.list("Event", stage.ns) if e["regarding"]["kind"] == "Challenge"
            and e["reason"] in ("PresentError", "CleanUpError") and scene.zone in e["note"]]
    assert not told, told


@pytest.mark.parametrize("what", [*FRONTS, *REAL])
def test_it_comes_right_by_itself(api, dns01_controller, mended, what):
    """Few tries, few writes, one order, and nothing is left in the zone."""
    scene = mended.scenes[what]
    api.wait_ready("Certificate", mended.ns, what, 60)
    wait_for("its value to go", lambda: not any(scene.bind.values(scene.name).values()), 20, lambda: api.describe(mended.ns))
    wait_for("its Challenge to go", lambda: not mended.challenge(scene), 20, lambda: api.describe(mended.ns))
    orders = [e for e in mended.audit.writes(namespace=mended.ns) if e.verb == "create" and e.kind == "orders"
              and e.name.startswith(what + "-")]
    assert len(orders) == 1, orders
    written = [e for e in mended.audit.writes(namespace=mended.ns) if e.kind == "challenges/status"
               and e.name.startswith(what + "-")]
    assert len(written) <= 4, written  # where the record is, why it waits, and that it is valid
    assert mended.tried.get(what, 0) <= TRIES * 7  # one that is not heard is sent seven times in its 5 s


# ---- what the CA meets

def test_a_name_whose_dns_fails_at_the_ca(api, ns, dns01_ca, dns01_controller, bind, dns_tree):
    """The CA's words reach the user, and the value goes."""
    with Front(bind.address, (values_of_challenges, says(SERVFAIL))) as front:
        zone = f"{ns}.test"
        bind.add_zone(zone, servers=[front])
        dns_tree.delegate(zone, front)
        api.create(bind.secret(ns))
        # Looking for an alias, which is not there, would be remembered by the resolver that the CA has, too.
        api.create(dns01_acme(ns, dns01_ca, bind.solver(selfCheck={"mode": "none"}, cnameStrategy="None")))
        api.wait_ready("Issuer", ns, "acme", 30)
        api.create(certificate(ns, "web", "acme", dnsNames=[zone]))

        def failed():
            found = condition(api.get("Certificate", ns, "web"), "Issuing")
            return found if found.get("status") == "False" else None

        message = wait_for("the failure", failed, 40, lambda: api.describe(ns))["message"]
        assert zone in message and "_acme-challenge" in message, message
        wait_for("the value to go", lambda: not any(bind.values(f"_acme-challenge.{zone}").values()), 20)
        front.mend()
        api.wait_ready("Certificate", ns, "web", 60)


def test_an_authorization_of_a_name_is_none_of_its_wildcard(api, ns, folder, authority, dns01_controller, env, account,
                                                            bind, zone, dns_tree):
    """The CA gives out again what it has: each of the two is proven once, and the other is not taken for it."""
    with Pebble(folder / "ca", authority, dns_tree, free_port(), "pebble-reuse", authz_reuse=100) as ca:
        audit = Audit(env["AUDIT_LOG"], account[1])
        api.create(bind.secret(ns))
        api.create(dns01_acme(ns, ca, bind.solver()))
        api.wait_ready("Issuer", ns, "acme", 30)
        proven = []
        for name, names in (("wild", [f"*.{zone}"]), ("apex", [zone]), ("both", [zone, f"*.{zone}"])):
            api.create(certificate(ns, name, "acme", dnsNames=names))
            api.wait_ready("Certificate", ns, name, 60)
            proven.append(len([e for e in audit.writes(namespace=ns) if e.verb == "create" and e.kind == "challenges"]))
        wild, apex, both = proven
        assert 0 < wild < apex == both, proven
