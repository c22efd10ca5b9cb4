# SPDX-License-Identifier: Apache-2.0
"""DNS-01 from the root down: where records go, what is waited for, and that none stays, whatever happens. Zones are BIND's,
by RFC 2136; Pebble validates with a recursive resolver of its own."""
import time

from lib.ca import Authority
from lib.dns import Bind, Knot, OverHttps, delegation
from lib.objects import certificate, dns01_acme
from lib.wait import wait_for


def add_issuer(api, ns, ca, bind, **more):
    api.create(bind.secret(ns))
    api.create(dns01_acme(ns, ca, bind.solver(**more)))
    api.wait_ready("Issuer", ns, "acme", 30)


def challenge(api, ns):
    """The one there is, with a record in status."""
    found = [c for c in api.list("Challenge", ns) if c.get("status", {}).get("dns01")]
    return found[0] if found else None


def said(api, ns):
    return "\n".join(c.get("status", {}).get("reason", "") for c in api.list("Challenge", ns))


def empty(bind, name):
    return lambda: not any(bind.values(name).values())


# ---- where records go

def test_a_wildcard_and_its_apex_in_one_order(api, ns, dns01_ca, dns01_controller, bind, zone):
    """Two values at one name, beside one of somebody else that stays."""
    name = f"_acme-challenge.{zone}"
    bind.change(zone, name, "of somebody else")
    add_issuer(api, ns, dns01_ca, bind)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"*.{zone}", zone]))
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("ours to go", lambda: bind.values(name) == {bind.address: ["of somebody else"]}, 20, lambda: api.describe(ns))
    wait_for("the Challenges to go", lambda: not api.list("Challenge", ns), 20, lambda: api.describe(ns))
    assert len(api.list("Order", ns)) == 1


def test_a_record_is_where_its_alias_leads(api, ns, dns01_ca, dns01_controller, bind, dns_tree):
    """_acme-challenge is an alias into a zone that certroll may write, and its own zone is not."""
    zone, other = f"{ns}.test", f"{ns}.example"
    bind.add_zone(zone, f"_acme-challenge.www CNAME www.{other}.")
    bind.add_zone(other)
    for one in (zone, other):
        dns_tree.delegate(one, bind)
    add_issuer(api, ns, dns01_ca, bind)
    api.create(certificate(ns, "web", "acme", dnsNames=[f"www.{zone}"]))
    found = wait_for("the record", lambda: challenge(api, ns), 20, lambda: api.describe(ns))
    assert (found["status"]["dns01"]["name"], found["status"]["dns01"]["zone"]) == (f"www.{other}", other)
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go", empty(bind, f"www.{other}"), 20, lambda: api.describe(ns))


def test_an_alias_leads_to_the_solver_of_its_zone(api, ns, dns01_ca, dns01_controller, bind, dns_tree, folder):
    """Two servers with keys of their own: the solver for all names cannot write where the alias of one leads."""
    zone, other = f"{ns}.test", f"{ns}.example"
    with Bind(folder / "dns", f"away-{ns}") as away:
        bind.add_zone(zone, f"_acme-challenge.www CNAME www.{other}.")
        away.add_zone(other)
        dns_tree.delegate(zone, bind)
        dns_tree.delegate(other, away)
        api.create(bind.secret(ns))
        api.create(away.secret(ns, "away"))
        api.create(dns01_acme(ns, dns01_ca, None, solvers=[
            {"dns01": bind.solver()}, {"selector": {"dnsZones": [other]}, "dns01": away.solver(secret="away")}]))
        api.wait_ready("Issuer", ns, "acme", 30)
        api.create(certificate(ns, "web", "acme", dnsNames=[zone, f"www.{zone}"]))
        api.wait_ready("Certificate", ns, "web", 60)
        [order] = api.list("Order", ns)
        assert order["status"]["aliases"] == [{"name": f"www.{zone}", "target": f"www.{other}"}]
        wait_for("it to go", empty(away, f"www.{other}"), 20, lambda: api.describe(ns))
        assert "PresentError" not in {e.get("reason") for e in api.list("Event", ns)}


def test_a_name_that_no_solver_serves_spends_no_order(api, ns, dns01_ca, dns01_controller, bind, zone):
    """Neither the name nor its alias, which it has not, is in a zone of the only solver."""
    api.create(bind.secret(ns))
    api.create(dns01_acme(ns, dns01_ca, None, solvers=[
        {"selector": {"dnsZones": ["elsewhere.example"]}, "dns01": bind.solver()}]))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    [order] = wait_for("the end", lambda: [o for o in api.list("Order", ns)
                                           if o.get("status", {}).get("state") == "errored"], 30, lambda: api.describe(ns))
    assert f"nothing was ordered: {zone}: no solver" in order["status"]["reason"]
    assert "url" not in order["status"]


def test_aliases_of_a_whole_domain_and_a_loop_of_them(api, ns, dns01_ca, dns01_controller, bind, dns_tree, folder):
    """DNAME is followed; CNAMEs on two servers that lead to each other are told, and hold nothing up."""
    zone, other, round_ = f"{ns}.test", f"{ns}.example", f"round-{ns}.test"
    bind.prepare_zone(zone, f"below DNAME {other}.\n_acme-challenge.loop CNAME there.{round_}.")
    bind.prepare_zone(other)
    bind.serve()
    with Knot(folder / "dns", "round") as knot:
        knot.add_zone(round_, f"there CNAME _acme-challenge.loop.{zone}.")
        dns_tree.delegate_all({zone: [bind], other: [bind], round_: [knot]})
        add_issuer(api, ns, dns01_ca, bind)
        api.create(certificate(ns, "web", "acme", dnsNames=[f"www.below.{zone}"]))
        api.create(certificate(ns, "loop", "acme", dnsNames=[f"loop.{zone}"]))
        found = wait_for("the record", lambda: challenge(api, ns), 20, lambda: api.describe(ns))
        assert (found["status"]["dns01"]["name"], found["status"]["dns01"]["zone"]) == (f"_acme-challenge.www.{other}", other)
        wait_for("the loop", lambda: f"_acme-challenge.loop.{zone}: more than 8 aliases in a row" in said(api, ns), 30,
                 lambda: api.describe(ns))
        assert "see the CNAME records" in said(api, ns)
        api.wait_ready("Certificate", ns, "web", 60)
        wait_for("it to go", empty(bind, f"_acme-challenge.www.{other}"), 20, lambda: api.describe(ns))
        api.delete("Certificate", ns, "loop")
        wait_for("all to go", lambda: not api.list("Challenge", ns), 60, lambda: api.describe(ns))  # the garbage collector


def test_two_accounts_at_one_name(api, ns, dns01_ca, dns01_controller, bind, zone):
    """Four values at once, and each goes when it is proven. Who is validated a moment after another one may meet what the
    CA's resolver remembers, and goes on with its next order."""
    add_issuer(api, ns, dns01_ca, bind)
    api.create(dns01_acme(ns, dns01_ca, bind.solver(), "acme-2"))
    api.wait_ready("Issuer", ns, "acme-2", 30)
    for name, issuer in (("web", "acme"), ("web-2", "acme-2")):
        api.create(certificate(ns, name, issuer, dnsNames=[zone, f"*.{zone}"]))
    for name in ("web", "web-2"):
        api.wait_ready("Certificate", ns, name, 60)
    wait_for("all to go", empty(bind, f"_acme-challenge.{zone}"), 20, lambda: api.describe(ns))


def test_a_zone_of_challenges_alone(api, ns, dns01_ca, dns01_controller, bind, dns_tree):
    """_acme-challenge is delegated, as where nobody may write the zone itself."""
    zone, child = f"{ns}.test", f"_acme-challenge.{ns}.test"
    bind.add_zone(zone, delegation(child, bind))
    bind.add_zone(child)
    dns_tree.delegate(zone, bind)
    add_issuer(api, ns, dns01_ca, bind)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    found = wait_for("the record", lambda: challenge(api, ns), 20, lambda: api.describe(ns))
    assert found["status"]["dns01"]["zone"] == child
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go", empty(bind, child), 20, lambda: api.describe(ns))


def test_knot_takes_updates_too(api, ns, dns01_ca, dns01_controller, dns_tree, folder):
    """By TCP, with a key that may change TXT records only, and of an algorithm that cert-manager lacks."""
    zone = f"{ns}.test"
    name = f"_acme-challenge.{zone}"
    with Knot(folder / "dns") as knot:
        knot.add_zone(zone)
        dns_tree.delegate(zone, knot)
        api.create(knot.secret(ns, algorithm="hmac-sha384"))
        solver = knot.solver(algorithm="hmac-sha384")
        solver["rfc2136"]["protocol"] = "TCP"
        api.create(dns01_acme(ns, dns01_ca, solver))
        api.create(certificate(ns, "web", "acme", dnsNames=[zone, f"*.{zone}"]))
        api.wait_ready("Certificate", ns, "web", 60)
        wait_for("the values to go", lambda: knot.values(name) == {knot.address: []}, 20, lambda: api.describe(ns))


# ---- who is asked

def test_each_mode_of_self_check(api, ns, dns01_ca, dns01_controller, bind, zone, dns_tree):
    """All but https, which is below. The CA has the same resolver: where nobody looks before it is asked, the name's absence
    must not be in its memory."""
    checks = {"authoritative": {}, "resolvers": {"nameservers": [dns_tree.address]}, "wait": {"wait": "1s"}, "none": {}}
    blind = {"cnameStrategy": "None"}
    api.create(bind.secret(ns))
    for mode, more in checks.items():
        api.create(dns01_acme(ns, dns01_ca, bind.solver(selfCheck={"mode": mode, **more},
                                                           **(blind if mode in ("wait", "none") else {})), mode))
    for mode in checks:
        api.wait_ready("Issuer", ns, mode, 30)
        api.create(certificate(ns, mode, mode, dnsNames=[f"{mode}.{zone}"]))
    for mode in checks:
        api.wait_ready("Certificate", ns, mode, 60)
        wait_for("its value to go", empty(bind, f"_acme-challenge.{mode}.{zone}"), 20, lambda: api.describe(ns))


def test_a_resolver_over_https_of_ones_own(api, ns, folder, authority, dns01_ca, make_controller, bind, zone, dns_tree):
    """Its certificate is of no CA that the system knows: that is said, with what to do; then certroll is told of the CA. The
    Issuer's caBundle is for the ACME server alone, so that the ACME server's CA is not what makes the resolver trusted."""
    name, flags = f"_acme-challenge.{zone}", {"namespace": ns, "leader_elect": "false", "nameservers": dns_tree.address}
    own = Authority(folder / "ca" / "resolver", "resolver-root")
    with OverHttps(folder / "dns", dns_tree.root, own) as resolver:
        api.create(bind.secret(ns))
        api.create(dns01_acme(ns, dns01_ca, bind.solver(selfCheck={"mode": "https", "url": resolver.url})))
        first = make_controller("stranger", **flags).start()
        api.wait_ready("Issuer", ns, "acme", 30)
        api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
        wait_for("the refusal", lambda: "set SSL_CERT_DIR or SSL_CERT_FILE for certroll" in said(api, ns), 30,
                 lambda: api.describe(ns))
        assert not resolver.was_asked(name) and empty(bind, name)()
        first.stop()
        second = make_controller("friend", **flags)
        second.environ["SSL_CERT_FILE"] = str(own.root)
        second.start()
        api.wait_ready("Certificate", ns, "web", 60)
        assert resolver.was_asked(name)
        wait_for("its value to go", empty(bind, name), 20, lambda: api.describe(ns))
        assert len(api.list("Order", ns)) == 1
        second.stop()


# ---- what is waited for

def test_each_server_has_to_show_it(api, ns, dns01_ca, dns01_controller, late):
    """A secondary that lags keeps the CA from being asked, and is named; then it goes on at once."""
    primary, secondary, zone = late
    add_issuer(api, ns, dns01_ca, primary)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the reason", lambda: f"{secondary.address} has no such record" in said(api, ns), 40,
             lambda: api.describe(ns))
    assert "1 of 2 servers" in said(api, ns)
    secondary.release()
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go everywhere", empty(primary, f"_acme-challenge.{zone}"), 20, lambda: api.describe(ns))


def test_pending_challenges_cost_no_worker(api, ns, dns01_ca, dns01_controller, late, bind, dns_tree):
    """More of them than there are threads wait for a secondary. Who comes then is not held up, and they go on together."""
    primary, secondary, zone = late
    count, other = 16, f"{ns}.example"
    bind.add_zone(other)
    dns_tree.delegate(other, bind)
    add_issuer(api, ns, dns01_ca, primary)
    api.create(bind.secret(ns, "quick"))
    api.create(dns01_acme(ns, dns01_ca, bind.solver(secret="quick"), "quick"))
    api.wait_ready("Issuer", ns, "quick", 30)
    threads = dns01_controller.threads()
    for i in range(count):
        api.create(certificate(ns, f"n{i}", "acme", dnsNames=[f"n{i}.{zone}"]))
    wait_for("all to wait", lambda: said(api, ns).count(f"{secondary.address} has no such record") == count, 60,
             lambda: api.describe(ns))
    api.create(certificate(ns, "quick", "quick", dnsNames=[other]))
    api.wait_ready("Certificate", ns, "quick", 10)
    assert dns01_controller.threads() <= threads
    assert said(api, ns).count("has no such record") == count
    secondary.release()
    for i in range(count):
        api.wait_ready("Certificate", ns, f"n{i}", 60)
    wait_for("all to go", empty(primary, f"_acme-challenge.n{count - 1}.{zone}"), 20, lambda: api.describe(ns))


def test_a_wrong_key_a_missing_secret_and_the_right_one(api, ns, dns01_ca, dns01_controller, bind, zone):
    """Each says what to do, no key is shown, and a corrected Secret is tried at once."""
    api.create(dns01_acme(ns, dns01_ca, bind.solver()))
    api.wait_ready("Issuer", ns, "acme", 30)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the missing Secret", lambda: f"there is no Secret {ns}/tsig" in said(api, ns), 30, lambda: api.describe(ns))
    wrong = "d3Jvbmcta2V5LXdyb25nLWtleS13cm9uZy1rZXk="
    api.create({"kind": "Secret", "metadata": {"name": "tsig", "namespace": ns}, "stringData": {"secret": wrong}})
    wait_for("the refusal", lambda: "(BADSIG)" in said(api, ns), 30, lambda: api.describe(ns))
    assert f"rfc2136: TXT record _acme-challenge.{zone} in zone {zone}: update of zone {zone} at {bind.address}" in said(api, ns)
    assert wrong not in api.describe(ns) + dns01_controller.log.read_text()
    api.patch("Secret", ns, "tsig", {"stringData": {"secret": bind.keys["hmac-sha256"][1] + "\n"}})
    started = time.monotonic()
    api.wait_ready("Certificate", ns, "web", 30)
    assert time.monotonic() - started < 15, "no back-off is waited out"


def test_a_key_that_is_rotated_while_it_is_pending(api, ns, dns01_ca, dns01_controller, late):
    """The server knows the old one no more: the new one takes out what the old one has put there."""
    primary, secondary, zone = late
    name = f"_acme-challenge.{zone}"
    add_issuer(api, ns, dns01_ca, primary)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the value", lambda: primary.values(name)[primary.address], 30, lambda: api.describe(ns))
    primary.change_key("hmac-sha256")
    api.patch("Secret", ns, "tsig", {"stringData": {"secret": primary.keys["hmac-sha256"][1]}})
    secondary.release()
    api.wait_ready("Certificate", ns, "web", 60)
    wait_for("it to go everywhere", empty(primary, name), 20, lambda: api.describe(ns))
    assert len(api.list("Order", ns)) == 1


def test_a_record_that_somebody_removed(api, ns, dns01_ca, dns01_controller, late):
    """Clean-up of what is gone already is no failure."""
    primary, secondary, zone = late
    name = f"_acme-challenge.{zone}"
    add_issuer(api, ns, dns01_ca, primary)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    [value] = wait_for("the value", lambda: primary.values(name)[primary.address], 30, lambda: api.describe(ns))
    primary.change(zone, name, value, remove=True)
    api.delete("Certificate", ns, "web")
    wait_for("all to go", lambda: not api.list("Challenge", ns), 30, lambda: api.describe(ns))


# ---- nothing stays

def test_a_namespace_that_goes_while_it_is_pending(api, ns, dns01_ca, dns01_controller, late):
    """Issuer and Secret may go first; neither the record stays nor the namespace."""
    primary, _, zone = late
    name = f"_acme-challenge.{zone}"
    add_issuer(api, ns, dns01_ca, primary)
    api.create(certificate(ns, "web", "acme", dnsNames=[zone]))
    wait_for("the value", lambda: primary.values(name)[primary.address], 30, lambda: api.describe(ns))
    api.delete("Secret", ns, "tsig")
    api.delete("Issuer", ns, "acme")
    api.delete("Namespace", None, ns)
    wait_for("the value to go", lambda: not primary.values(name)[primary.address], 30, lambda: api.describe(ns))
    wait_for("the namespace to go", lambda: not api.list("Challenge", ns), 30, lambda: api.describe(ns))
