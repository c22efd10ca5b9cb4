# SPDX-License-Identifier: Apache-2.0
"""Workloads get a new certificate by a roll of their pods: those that opted in, once for each certificate, and never
for nothing. One fleet of workloads on one Certificate goes through the life of it, from the first test to the last."""
import datetime

import pytest

from conftest import leaf_of, make_namespace, renew
from lib.api import condition
from lib.objects import acme, certificate, self_signed
from lib.serving import NamedContext, Traffic, tls_serial
from lib.wait import stays, wait_for
from lib.workloads import MARK, ROLLOUT, TLS, State, nginx, settled, workload

# name -> kind, how it uses the Secret, its annotation
FLEET = {
    "volume": ("Deployment", "volume", "true"),
    "stateful": ("StatefulSet", "projected", "true"),
    "daemon": ("DaemonSet", "volume", "true"),
    "env": ("Deployment", "env", "true"),
    "envfrom": ("Deployment", "envFrom", "true"),
    "silent": ("Deployment", "volume", None),
    "refused": ("Deployment", "volume", "false"),
}
FOLLOW = sorted(name for name, row in FLEET.items() if row[2] == "true")


class Fleet:
    """A namespace, a Certificate `tls` for the Secret tls-tls, and workloads."""

    def __init__(self, api, namespace, image):
        self.api, self.ns, self.image = api, namespace, image

    def deploy(self):
        for name, (kind, uses, rollout) in FLEET.items():
            self.api.create(workload(kind, self.ns, name, self.image, "tls-tls", uses, rollout, replicas=1))

    def states(self, timeout=60):
        """Of all workloads, once nothing rolls any more."""
        return {name: settled(self.api, kind, self.ns, name, timeout) for name, (kind, _, _) in FLEET.items()}

    def fingerprint(self):
        """What the pods of a workload that follows must have been rolled for."""
        return f"tls-tls={self.secret()['metadata']['annotations']['certroll.dev/fingerprint'][:16]}"

    def secret(self):
        return self.api.get("Secret", self.ns, "tls-tls")

    def wait_rolled(self):
        """Until all that follow were told of the present certificate; the states then."""
        mark = self.fingerprint()
        for name in FOLLOW:
            kind = FLEET[name][0]
            self.api.wait(kind, self.ns, name, lambda o: o["metadata"]["annotations"].get(MARK) == mark,
                          f"rolled for {mark}", 30)
        return self.states()

    def status(self):
        return self.api.get("Certificate", self.ns, "tls")["status"].get("rollout", {})


@pytest.fixture(scope="module")
def fleet(api, certroll, image):
    """Its workloads wait for the Secret; then comes the first certificate."""
    made = Fleet(api, make_namespace(api), image)
    made.deploy()
    for name, (kind, _, _) in FLEET.items():
        wait_for(f"a pod of {name}", lambda k=kind, n=name: State(api, k, made.ns, n).pods, 20)
    made.waiting = {name: State(api, kind, made.ns, name) for name, (kind, _, _) in FLEET.items()}
    api.create(self_signed(made.ns))
    api.create(certificate(made.ns, "tls"))
    api.wait_ready("Certificate", made.ns, "tls")
    yield made
    api.delete("Namespace", None, made.ns)


def check_rolled(before, after, names):
    """Those have new pods for the new certificate, all others are as they were."""
    for name in FLEET:
        if name in names:
            assert not set(before[name].pods) & set(after[name].pods), f"{name} still has an old pod"
            assert after[name].restarts == 0
        else:
            assert after[name].same_pods(before[name]), f"{name} was touched"


def test_the_first_certificate_restarts_nothing(fleet):
    """Pods that waited for the Secret start with it."""
    states = fleet.wait_rolled()
    for name, state in states.items():
        assert state.same_pods(fleet.waiting[name]), f"{name} was rolled: {state.fingerprint}"
        assert state.restarts == 0 and state.fingerprint is None


def test_status_counts_workloads(fleet):
    fleet.states()
    fingerprint = fleet.secret()["metadata"]["annotations"]["certroll.dev/fingerprint"]
    want = {"fingerprint": fingerprint, "updated": len(FOLLOW)}
    wait_for(f"status.rollout to be {want}", lambda: {k: v for k, v in fleet.status().items() if v} == want, 10,
             lambda: str(fleet.status()))


def test_a_renewal_rolls_those_that_opted_in(api, fleet):
    before = fleet.states()
    renew(api, fleet.ns, "tls")
    after = fleet.wait_rolled()
    check_rolled(before, after, FOLLOW)
    for name in FOLLOW:
        assert after[name].fingerprint == fleet.fingerprint()
        assert after[name].object["metadata"]["generation"] == before[name].object["metadata"]["generation"] + 1
    wait_for("status.rollout to say all", lambda: fleet.status().get("updated") == len(FOLLOW)
             and not fleet.status().get("pending"), 10, lambda: str(fleet.status()))
    notes = [e for e in api.list("Event", fleet.ns) if e["reason"] == "CertificateRollout"]
    assert {e["regarding"]["name"] for e in notes} == set(FOLLOW)


def test_a_renewal_by_condition_rolls_too(api, fleet):
    """As cmctl renew and cert-manager's clients ask for it."""
    before, serial = fleet.states(), leaf_of(api, fleet.ns, "tls-tls").serial
    crt = api.get("Certificate", fleet.ns, "tls")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    crt["status"]["conditions"].append({"type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
                                        "message": "Certificate re-issuance manually triggered",
                                        "lastTransitionTime": now})
    api.must("PUT", api.path("Certificate", fleet.ns, "tls", "status"), crt)
    wait_for("another certificate", lambda: leaf_of(api, fleet.ns, "tls-tls").serial != serial)
    check_rolled(before, fleet.wait_rolled(), FOLLOW)
    api.wait("Certificate", fleet.ns, "tls", lambda o: condition(o, "Issuing").get("status") != "True", "not Issuing")


def test_nothing_rolls_when_nothing_changed(fleet, certroll):
    before = fleet.states()
    secret = fleet.secret()["metadata"]["resourceVersion"]
    generations = {n: s.object["metadata"]["generation"] for n, s in before.items()}
    certroll.restart()
    stays("all pods as they were", lambda: all(State(fleet.api, FLEET[n][0], fleet.ns, n).object["metadata"][
        "generation"] == g for n, g in generations.items()), 3)
    check_rolled(before, fleet.states(), [])
    assert fleet.secret()["metadata"]["resourceVersion"] == secret


def test_a_scaled_or_edited_workload_is_not_rolled(api, fleet):
    """Changes that have nothing to do with the certificate."""
    api.patch("Deployment", fleet.ns, "volume", {"metadata": {"labels": {"note": "edited"}}, "spec": {"replicas": 2}})
    grown = settled(api, "Deployment", fleet.ns, "volume")
    assert len(grown.pods) == 2 and grown.fingerprint == fleet.fingerprint()
    api.patch("Deployment", fleet.ns, "volume", {"spec": {"replicas": 1}})
    fleet.states()


def test_a_change_while_certroll_is_down_is_rolled_at_its_start(api, fleet, certroll):
    """`silent` runs with an old certificate and opts in while nobody looks; `volume` forgot what it was rolled for."""
    fleet.states()
    renew(api, fleet.ns, "tls")
    before = fleet.wait_rolled()
    certroll.scale(0)
    try:
        api.patch("Deployment", fleet.ns, "silent", {"metadata": {"annotations": {ROLLOUT: "true"}}})
        api.patch("Deployment", fleet.ns, "volume", {"metadata": {"annotations": {MARK: f"tls-tls={'0' * 16}"}}})
    finally:
        certroll.scale(1)
    for name in ("silent", "volume"):
        api.wait("Deployment", fleet.ns, name, lambda o: o["metadata"]["annotations"].get(MARK) == fleet.fingerprint(),
                 "rolled at start")
    after = fleet.states()
    assert not set(before["silent"].pods) & set(after["silent"].pods)
    assert after["silent"].fingerprint == fleet.fingerprint()
    # Its template already carried this certificate: to write it again changes nothing, and no pod is lost.
    check_rolled(before, after, ["silent"])
    api.patch("Deployment", fleet.ns, "silent", {"metadata": {"annotations": {ROLLOUT: None, MARK: None}}})


def test_a_renewal_missed_by_an_opted_out_workload_is_made_up(api, fleet, certroll):
    """Opted out, renewed, opted in again while certroll is down: level-triggered, it is rolled at start."""
    api.patch("Deployment", fleet.ns, "volume", {"metadata": {"annotations": {ROLLOUT: "false"}}})
    before = fleet.states()
    renew(api, fleet.ns, "tls")
    api.wait("Deployment", fleet.ns, "env", lambda o: o["metadata"]["annotations"].get(MARK) == fleet.fingerprint(),
             "rolled")
    assert State(api, "Deployment", fleet.ns, "volume").same_pods(before["volume"])
    certroll.scale(0)
    try:
        api.patch("Deployment", fleet.ns, "volume", {"metadata": {"annotations": {ROLLOUT: "true"}}})
    finally:
        certroll.scale(1)
    after = fleet.wait_rolled()
    assert not set(before["volume"].pods) & set(after["volume"].pods)


def test_the_certificate_opts_all_in_but_those_that_refuse(api, fleet):
    """spec.rollout.enabled takes `silent`, which runs with an older certificate; "false" on a workload wins."""
    before = fleet.states()
    api.patch("Certificate", fleet.ns, "tls", {"spec": {"rollout": {"enabled": True}}})
    api.wait("Deployment", fleet.ns, "silent", lambda o: (o["metadata"].get("annotations") or {}).get(MARK) ==
             fleet.fingerprint(), "rolled")
    caught_up = fleet.states()
    check_rolled(before, caught_up, ["silent"])
    renew(api, fleet.ns, "tls")
    api.wait("Deployment", fleet.ns, "silent", lambda o: o["metadata"]["annotations"].get(MARK) == fleet.fingerprint(),
             "rolled again")
    check_rolled(caught_up, fleet.wait_rolled(), [*FOLLOW, "silent"])
    assert fleet.status()["updated"] == len(FOLLOW) + 1


def test_two_certificates_in_one_workload(api, ns, issuer, image):
    """Each rolls it, and its annotation tells of both."""
    for name in ("one", "two"):
        api.create(certificate(ns, name))
        api.wait_ready("Certificate", ns, name)
    made = workload("Deployment", ns, "both", image, "one-tls", rollout="true", replicas=1)
    made["spec"]["template"]["spec"]["volumes"].append({"name": "two", "secret": {"secretName": "two-tls"}})
    api.create(made)

    def wait_mark():
        prints = [f"{s}={api.get('Secret', ns, s)['metadata']['annotations']['certroll.dev/fingerprint'][:16]}"
                  for s in ("one-tls", "two-tls")]
        api.wait("Deployment", ns, "both", lambda o: (o["metadata"].get("annotations") or {}).get(MARK) ==
                 ",".join(prints), f"at {prints}", 20)
        return settled(api, "Deployment", ns, "both")

    before = wait_mark()
    assert before.fingerprint is None
    renew(api, ns, "one")
    after = wait_mark()
    assert not set(before.pods) & set(after.pods)
    renew(api, ns, "two")
    assert not set(after.pods) & set(wait_mark().pods)


# ---- what is served

@pytest.fixture
def web(api, ns, pebble, domain, test_image):
    """Two nginx pods and their Service on a certificate of the CA, which they waited for; its address."""
    address = nginx(api, ns, "web", test_image("nginx"), TLS, 8443, "web-tls", "true")
    wait_for("pods of nginx", lambda: len(State(api, "Deployment", ns, "web").pods) == 2, 20)
    api.create(acme(ns, pebble))
    api.create(certificate(ns, "web", "acme", dnsNames=[domain]))
    api.wait_ready("Certificate", ns, "web")
    return address


def test_every_pod_serves_the_new_certificate_and_no_request_fails(api, ns, web, domain, roots, record_property):
    context = NamedContext(domain, roots)
    before = settled(api, "Deployment", ns, "web")
    assert before.restarts == 0 and before.fingerprint is None
    old = leaf_of(api, ns, "web-tls").serial
    for address in before.addresses:
        assert tls_serial(address, 8443, context) == old
    with Traffic(web, 8443, domain, context=context) as traffic:
        wait_for("requests", lambda: traffic.total > 10)
        new = renew(api, ns, "web").serial
        mark = f"web-tls={api.get('Secret', ns, 'web-tls')['metadata']['annotations']['certroll.dev/fingerprint'][:16]}"
        wait_for("the roll", lambda: State(api, "Deployment", ns, "web").fingerprint == mark, 20)
        after = settled(api, "Deployment", ns, "web")
        done = traffic.total
        wait_for("requests after the roll", lambda: traffic.total > done + 20)
    record_property("requests", traffic.total)
    assert not traffic.failed, f"{len(traffic.failed)} of {traffic.total}: {traffic.failed[:5]}"
    assert not set(before.pods) & set(after.pods)
    for address in [*after.addresses, web]:
        assert tls_serial(address, 8443, context) == new != old
    assert {int(s, 16) for s in traffic.served} == {int(old, 16), int(new, 16)}


def test_a_roll_that_is_held_up_shows_as_pending(api, ns, issuer, image):
    """A paused Deployment keeps its old pods: status.rollout must not say that they have the new certificate."""
    api.create(certificate(ns, "held"))
    api.wait_ready("Certificate", ns, "held")
    api.create(workload("Deployment", ns, "held", image, "held-tls", rollout="true", replicas=1))
    before = settled(api, "Deployment", ns, "held")
    api.wait("Certificate", ns, "held", lambda o: o["status"].get("rollout", {}).get("updated") == 1, "1 updated")
    api.patch("Deployment", ns, "held", {"spec": {"paused": True}})
    renew(api, ns, "held")
    api.wait("Certificate", ns, "held", lambda o: o["status"]["rollout"].get("pending") == 1
             and not o["status"]["rollout"].get("updated"), "1 pending")
    assert set(State(api, "Deployment", ns, "held").pods) == set(before.pods)
    api.patch("Deployment", ns, "held", {"spec": {"paused": False}})
    api.wait("Certificate", ns, "held", lambda o: o["status"]["rollout"].get("updated") == 1
             and not o["status"]["rollout"].get("pending"), "1 updated again", 40)
