# SPDX-License-Identifier: Apache-2.0
"""HTTP-01 through the cluster's ingress controller and real solver pods, in namespaces that enforce the restricted Pod
Security Standard."""
import uuid

import pytest

from conftest import NAMESPACE, leaf_of, make_namespace
from lib.api import GROUP, condition, secret_data
from lib.objects import acme, certificate
from lib.recorder import Recorder
from lib.serving import Traffic
from lib.tls import verify
from lib.wait import wait_for
from lib.workloads import PLAIN, nginx

SOLVER = f"acme.{GROUP}/http01-solver=true"


def solvers(api, ns):
    return [p for p in api.list("Pod", ns, SOLVER) if not p["metadata"].get("deletionTimestamp")]


def traces(api, ns):
    """What must be gone soon after an issuance."""
    return [f"{kind} {t['metadata']['name']}" for kind in ("Ingress", "Challenge") for t in api.list(kind, ns)]


def wait_clean(api, ns):
    wait_for(f"Ingress and Challenges of {ns} to go", lambda: not traces(api, ns), 10, lambda: api.describe(ns))


def check_chain(chain, pebble, folder):
    """Up to the CA's root, where that can be asked for."""
    if hasattr(pebble, "management"):
        (folder / "root.pem").write_text(pebble.root())
        (folder / "chain.pem").write_text(chain)
        verify(chain, folder / "root.pem", folder / "chain.pem")


def test_one_name(api, ns, acme_issuer, domain, pebble, tmp_path):
    api.create(certificate(ns, "one", acme_issuer, dnsNames=[domain]))
    crt = api.wait_ready("Certificate", ns, "one")
    secret = api.get("Secret", ns, "one-tls")
    leaf = leaf_of(api, ns, "one-tls")
    check_chain(secret_data(secret, "tls.crt"), pebble, tmp_path)
    assert leaf.names == [f"DNS:{domain}"]
    assert crt["status"]["revision"] == 1 and not condition(crt, "Issuing")
    wait_clean(api, ns)
    [order] = api.list("Order", ns)
    assert order["status"]["state"] == "valid"
    [pod] = solvers(api, ns)
    assert pod["spec"].get("automountServiceAccountToken") is False
    [owner] = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Issuer", acme_issuer)


def test_three_names_share_one_ingress_and_one_solver(api, ns, acme_issuer, domain):
    names = [domain, f"www.{domain}", f"mail.{domain}"]
    with Recorder(api, "Ingress", ns) as ingresses, Recorder(api, "Pod", ns) as pods:
        api.create(certificate(ns, "three", acme_issuer, dnsNames=names))
        api.wait_ready("Certificate", ns, "three")
        wait_clean(api, ns)
    assert sorted(leaf_of(api, ns, "three-tls").names) == sorted(f"DNS:{n}" for n in names)
    assert len(ingresses.uids()) == 1 and len(pods.uids()) == 1
    assert sorted(r["host"] for r in ingresses.first()["spec"]["rules"]) == sorted(names)


def test_a_second_certificate_uses_the_same_solver(api, ns, acme_issuer, domain):
    with Recorder(api, "Pod", ns) as pods:
        for name in ("a", "b"):
            api.create(certificate(ns, name, acme_issuer, dnsNames=[f"{name}.{domain}"]))
            api.wait_ready("Certificate", ns, name)
    assert len(pods.uids()) == 1


def test_a_solver_goes_when_nobody_needs_it(api, ns, acme_issuer, pebble, domain, certroll):
    """An Issuer's and a ClusterIssuer's, whose solver has no owner: the timer takes both."""
    other, name = make_namespace(api), f"e2e-{uuid.uuid4().hex[:8]}"
    api.create(acme(None, pebble, name, "ClusterIssuer"))
    try:
        api.wait_ready("ClusterIssuer", None, name)
        key = api.get("Secret", NAMESPACE, f"{name}-account")
        assert key is not None and set(key["data"]) == {"tls.key"}
        api.create(certificate(ns, "mine", acme_issuer, dnsNames=[domain]))
        api.create(certificate(other, "ours", dnsNames=[f"other.{domain}"],
                               issuerRef={"name": name, "kind": "ClusterIssuer"}))
        for namespace, crt in ((ns, "mine"), (other, "ours")):
            api.wait_ready("Certificate", namespace, crt)
            assert len(solvers(api, namespace)) == 1
            wait_clean(api, namespace)
        assert api.get("Secret", other, f"{name}-account") is None
        [pod] = solvers(api, other)
        assert not pod["metadata"].get("ownerReferences")
        for namespace in (ns, other):
            wait_for(f"solver pod and Service of {namespace} to go",
                     lambda n=namespace: not api.list("Pod", n, SOLVER) and not api.list("Service", n, SOLVER), 40,
                     certroll.logs)
    finally:
        api.delete("ClusterIssuer", None, name)
        api.delete("Secret", NAMESPACE, f"{name}-account")
        api.delete("Namespace", None, other)


def test_pod_and_ingress_follow_the_templates(api, ns, pebble, domain):
    """What the Issuer says of the pod counts, and the pod is still restricted."""
    resources = {"requests": {"cpu": "2m", "memory": "12Mi"}, "limits": {"memory": "48Mi"}}
    ingress = {
        "podTemplate": {
            "metadata": {"labels": {"team": "web"}, "annotations": {"example.test/note": "pod"}},
            "spec": {"nodeSelector": {"kubernetes.io/os": "linux"}, "resources": resources,
                     "tolerations": [{"key": "edge", "operator": "Exists"}],
                     "securityContext": {"runAsUser": 4711, "fsGroup": 4712}}},
        "ingressTemplate": {"metadata": {"labels": {"team": "web"}, "annotations": {
            "example.test/note": "ingress", "haproxy-ingress.github.io/ssl-redirect": "false"}}}}
    api.create(acme(ns, pebble, ingress=ingress))
    with Recorder(api, "Ingress", ns) as ingresses:
        api.create(certificate(ns, "shaped", "acme", dnsNames=[domain]))
        api.wait_ready("Certificate", ns, "shaped")
    meta = ingresses.first()["metadata"]
    assert meta["labels"]["team"] == "web" and meta["annotations"]["example.test/note"] == "ingress"
    assert meta["annotations"]["haproxy-ingress.github.io/ssl-redirect"] == "false"
    [pod] = solvers(api, ns)
    assert pod["metadata"]["labels"]["team"] == "web"
    assert pod["metadata"]["annotations"]["example.test/note"] == "pod"
    spec = pod["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert spec["containers"][0]["resources"] == resources and "resources" not in spec
    assert [t for t in spec["tolerations"] if t.get("key") == "edge"]
    security = spec["securityContext"]
    assert (security["runAsUser"], security["fsGroup"], security["runAsNonRoot"]) == (4711, 4712, True)


def test_a_solver_pod_that_is_lost_is_made_again(api, ns, acme_issuer, domain):
    with Recorder(api, "Pod", ns) as pods:
        api.create(certificate(ns, "hurt", acme_issuer, dnsNames=[domain]))
        wait_for("the solver pod", lambda: solvers(api, ns), 10, lambda: api.describe(ns))
        name = solvers(api, ns)[0]["metadata"]["name"]
        api.must("DELETE", api.path("Pod", ns, name) + "?gracePeriodSeconds=0")
        api.wait_ready("Certificate", ns, "hurt", 30)
    assert len(pods.uids()) == 2


@pytest.fixture
def web(api, ns, domain, test_image, env):
    """The tenant's own web site on that name, through the ingress."""
    if "INGRESS_IP" not in env:
        pytest.skip("needs the address of the ingress controller (INGRESS_IP)")
    nginx(api, ns, "web", test_image("nginx"), PLAIN, 8080)
    api.create({"kind": "Ingress", "metadata": {"name": "web", "namespace": ns}, "spec": {"rules": [{
        "host": domain, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
            "service": {"name": "web", "port": {"number": 8080}}}}]}}]}})
    with Traffic(env["INGRESS_IP"], 80, domain) as probing:
        wait_for("the web site to answer", lambda: probing.total, 60, lambda: api.describe(ns))


def test_the_site_on_the_same_name_stays_served(api, ns, acme_issuer, domain, env, web):
    with Traffic(env["INGRESS_IP"], 80, domain, "/index.html") as traffic:
        before = traffic.total
        api.create(certificate(ns, "site", acme_issuer, dnsNames=[domain]))
        api.wait_ready("Certificate", ns, "site")
        wait_for("the solver's Ingress to go", lambda: len(api.list("Ingress", ns)) == 1, 10)
        issued = traffic.total
        wait_for("some requests more", lambda: traffic.total > issued + 20)
    assert not traffic.failed, traffic.failed[:5]
    assert issued > before


def test_a_solver_of_an_earlier_process_goes_too(api, ns, acme_issuer, domain, certroll):
    """A new process finds it, and removes it when nobody has needed it for the time of its linger."""
    api.create(certificate(ns, "left", acme_issuer, dnsNames=[domain]))
    api.wait_ready("Certificate", ns, "left")
    certroll.restart()
    assert solvers(api, ns)
    wait_for("solver pod and Service to go",
             lambda: not api.list("Pod", ns, SOLVER) and not api.list("Service", ns, SOLVER), 40, certroll.logs)


def test_an_ingress_class_that_nobody_serves(api, ns, pebble, domain):
    """What it waits for is told, nothing is asked of the CA in vain, and with the Certificate all goes."""
    api.create(acme(ns, pebble, ingress={"ingressClassName": "nobody"}))
    api.create(certificate(ns, "unserved", "acme", dnsNames=[domain]))
    told = api.wait("Certificate", ns, "unserved", lambda o: "propagation" in o["status"].get("nextAction", "")
                    if o and "status" in o else False, "to say what it waits for", 40)
    assert condition(told, "Ready")["status"] == "False" and condition(told, "Issuing")["status"] == "True"
    [challenge] = api.list("Challenge", ns)
    assert challenge["status"]["state"] == "pending"
    [ingress] = api.list("Ingress", ns)
    assert ingress["spec"]["ingressClassName"] == "nobody"
    api.delete("Certificate", ns, "unserved")
    wait_for("all that came of it to go",
             lambda: not any(api.list(k, ns) for k in ("CertificateRequest", "Order", "Challenge", "Ingress")), 20,
             lambda: api.describe(ns))
