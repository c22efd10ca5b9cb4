# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 within an Ingress that is there already (http01.ingress.name): what is put in is taken out, and nothing else
of it is ever another."""
import json

import pytest

from lib.api import condition
from lib.objects import acme, certificate
from lib.wait import stays, wait_for

NOTE = "certroll.dev/http01-paths"
PREFIX = "/.well-known/acme-challenge/"


def backend(name, path="/", kind="Prefix"):
    return {"path": path, "pathType": kind, "backend": {"service": {"name": name, "port": {"number": 80}}}}


def rule(host, *paths):
    return {**({"host": host} if host else {}), **({"http": {"paths": list(paths)}} if paths else {})}


def web(ns, *rules, **spec):
    return {"kind": "Ingress", "metadata": {"name": "web", "namespace": ns, "annotations": {"note": "theirs"}},
            "spec": {**({"rules": list(rules)} if rules else {}), **spec}}


@pytest.fixture
def edited(api, ns, pebble, responder, controller):
    """An Issuer whose solver edits the Ingress web."""
    api.create(acme(ns, pebble, ingress={"name": "web"}))
    api.wait_ready("Issuer", ns, "acme")
    return "acme"


@pytest.fixture
def controller(make_controller, ns):
    """Of this namespace only: what one leaves behind, no other finds."""
    return make_controller(namespace=ns, leader_elect="false", failure_backoff_min="600s").start()


@pytest.fixture
def pending(responder):
    """Nothing answers until it is told to."""
    responder.deaf = set(responder.ports)
    yield lambda: responder.deaf.clear()
    responder.deaf = set()


def ingress(api, ns):
    return api.get("Ingress", ns, "web")


def is_as(found, spec):
    """Nothing of ours is there, and the spec is this to the letter."""
    return (NOTE not in (found["metadata"].get("annotations") or {}) and not found["metadata"].get("labels")
            and json.dumps(found["spec"], sort_keys=True) == json.dumps(spec, sort_keys=True))


def wait_restored(api, ns, spec):
    wait_for("the Ingress to be as it was", lambda: is_as(ingress(api, ns), spec), 20,
             lambda: json.dumps(ingress(api, ns), indent=1) + api.describe(ns))


def tokens(found):
    """Host -> tokens of ours."""
    ours = {}
    for one in found["spec"].get("rules") or []:
        for path in one.get("http", {}).get("paths", []):
            if path["path"].startswith(PREFIX) and path["backend"]["service"]["name"].startswith("certroll-solver-"):
                ours.setdefault(one.get("host"), []).append(path["path"][len(PREFIX):])
    return ours


SHAPES = {
    "there": ({"rules": [rule("{host}", backend("site"), backend("old", PREFIX))]}, "{host}"),
    "not-there": ({"rules": [rule("other.localhost", backend("site"))]}, "{host}"),
    "wildcard": ({"rules": [rule("*.localhost", backend("site"))]}, "*.localhost"),
    "no-host": ({"rules": [rule(None, backend("site"))]}, None),
    "leads-nowhere": ({"rules": [rule("{host}")],
                       "defaultBackend": {"service": {"name": "site", "port": {"number": 80}}}}, "{host}"),
    "default-backend": ({"defaultBackend": {"service": {"name": "site", "port": {"number": 80}}}}, None),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_put_in_is_taken_out(api, ns, edited, pending, controller, audit, shape):
    host = f"{ns}.localhost"
    spec, where = json.loads(json.dumps(SHAPES[shape]).replace("{host}", host))
    before = api.create(web(ns, **spec))["spec"]
    audit.mark()
    api.create(certificate(ns, "web", edited, dnsNames=[host]))
    [[found]] = wait_for("the path", lambda: [t for h, t in tokens(ingress(api, ns)).items() if h == where], 20,
                         lambda: api.describe(ns))
    [challenge] = api.list("Challenge", ns)
    assert found == challenge["spec"]["token"]
    pending()
    api.wait_ready("Certificate", ns, "web", 30)
    wait_restored(api, ns, before)
    assert ingress(api, ns)["metadata"]["annotations"] == {"note": "theirs"}
    verbs = [w.verb for w in audit.writes(namespace=ns) if w.kind == "ingresses"]
    assert verbs == ["patch", "patch"]


def test_all_names_of_an_order_are_one_patch(api, ns, edited, controller, audit):
    names = [f"a.{ns}.localhost", f"b.{ns}.localhost", f"c.{ns}.localhost"]
    before = api.create(web(ns, rule(names[0], backend("site")), rule(f"*.{ns}.localhost", backend("wild"))))["spec"]
    audit.mark()
    api.create(certificate(ns, "web", edited, dnsNames=names))
    api.wait_ready("Certificate", ns, "web", 30)
    wait_restored(api, ns, before)
    writes = audit.writes(namespace=ns)
    assert [w.verb for w in writes if w.kind == "ingresses"] == ["patch", "patch"]
    assert len(writes) <= 26, f"{len(writes)}: {writes}"


def test_an_ingress_that_is_not_there_is_waited_for(api, ns, edited, controller, audit):
    api.create(certificate(ns, "web", edited))
    told = api.wait("Certificate", ns, "web", lambda c: f"Ingress {ns}/web" in str((c or {}).get("status")),
                    "to say what is missing", 20)
    assert condition(told, "Ready")["status"] == "False"
    audit.mark()
    stays("patience", lambda: not [w for w in audit.writes(namespace=ns) if w.kind != "challenges/status"], 3)
    assert len([e for e in audit.entries(namespace=ns) if e.kind == "ingresses"]) <= 1
    before = api.create(web(ns, rule("web.localhost", backend("site"))))["spec"]
    api.wait_ready("Certificate", ns, "web", 40)
    wait_restored(api, ns, before)


def test_orders_at_once_in_one_ingress(api, ns, edited, controller):
    hosts = [f"h{i}.{ns}.localhost" for i in range(5)]
    before = api.create(web(ns, rule(hosts[0], backend("site")), rule(None, backend("other"))))["spec"]
    for i, host in enumerate(hosts):
        api.create(certificate(ns, f"w{i}", edited, dnsNames=[host, hosts[0]] if i else [host]))
    for i in range(5):
        api.wait_ready("Certificate", ns, f"w{i}", 60)
    wait_restored(api, ns, before)


def replace(api, ns, change):
    """As an editor does: read, change, write."""
    while True:
        found = ingress(api, ns)
        change(found)
        status, _ = api.request("PUT", api.path("Ingress", ns, "web"), found)[:2]
        if status != 409:
            assert status == 200
            return found


def test_killed_and_edited_meanwhile(api, ns, edited, pending, controller):
    """Killed once the paths are there; somebody turns the rules round, takes ours out of one and adds another."""
    hosts = [f"a.{ns}.localhost", f"b.{ns}.localhost"]
    api.create(web(ns, rule(hosts[0], backend("site")), rule("*.other.localhost", backend("wild"))))
    api.create(certificate(ns, "web", edited, dnsNames=hosts))
    wait_for("both paths", lambda: len(tokens(ingress(api, ns))) == 2, 20, lambda: api.describe(ns))
    controller.kill()

    def turn(found):
        rules = found["spec"]["rules"]
        assert rules[0]["host"] == hosts[1], "a rule of its own, before theirs"
        rules[1]["http"]["paths"] = [backend("theirs", "/new"), backend("site")]
        found["spec"]["rules"] = [rules[2], rules[1], rules[0], rule("new.localhost", backend("new"))]

    turned = replace(api, ns, turn)["spec"]
    controller.start()
    wait_for("both paths again", lambda: len(tokens(ingress(api, ns))) == 2, 30, lambda: api.describe(ns))
    pending()
    api.wait_ready("Certificate", ns, "web", 40)
    del turned["rules"][2]
    wait_restored(api, ns, turned)


def test_what_a_dead_process_has_put_in_is_taken_out(api, ns, edited, pending, controller):
    """Killed, and the Certificate deleted before another starts; somebody has spoiled the record, too."""
    before = api.create(web(ns, rule("web.localhost", backend("site"))))["spec"]
    api.create(certificate(ns, "web", edited))
    wait_for("the path", lambda: tokens(ingress(api, ns)), 20, lambda: api.describe(ns))
    controller.kill()
    api.delete("Certificate", ns, "web")
    wait_for("the Order to go", lambda: not api.list("Order", ns), 20)
    assert tokens(ingress(api, ns))
    api.patch("Ingress", ns, "web", {"metadata": {"annotations": {NOTE: "{spoiled"}}})
    controller.start()
    wait_restored(api, ns, before)


def test_an_ingress_that_is_deleted_meanwhile(api, ns, edited, pending, controller):
    before = api.create(web(ns, rule("web.localhost", backend("site"))))["spec"]
    api.create(certificate(ns, "web", edited))
    wait_for("the path", lambda: tokens(ingress(api, ns)), 20, lambda: api.describe(ns))
    api.delete("Ingress", ns, "web")
    wait_for("it to be told", lambda: any("is not there" in o.get("status", {}).get("reason", "")
                                          for o in api.list("Order", ns)), 30, lambda: api.describe(ns))
    api.create(web(ns, rule("web.localhost", backend("site"))))
    pending()
    api.wait_ready("Certificate", ns, "web", 40)
    wait_restored(api, ns, before)
