# SPDX-License-Identifier: Apache-2.0
"""The controller as a process, against a real API server and a real ACME server on loopback; no pods run. Each test has
a namespace of its own; a module shares one controller, or starts its own."""
import os
import pathlib
import uuid

import pytest

from lib.api import Api, condition
from lib.audit import Audit
from lib import ca as ca_kinds
from lib.ca import Authority, Names
from lib.cluster import ROOT, Cluster, install_crds, service_account
from lib.controller import Controller
from lib.dns import Bind, Secondary, Tree
from lib.http01 import Responder
from lib.objects import acme, self_signed
from lib.pebble import Dns, Pebble
from lib.ports import free_port
from lib.proxy import Proxy
from lib.wait import wait_for

HOME = "certroll"  # the controller's own namespace


@pytest.fixture(scope="session")
def folder():
    """Logs and kubeconfigs: beside pytest's own log in a run of hack/run-tests."""
    path = pathlib.Path(ROOT / os.environ.get("BUILD", "build") / "logs/component")
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="session")
def cluster(folder):
    """The cluster of CERTROLL_CLUSTER_DIR when that is set and up: a developer's. Else one of our own."""
    if os.environ.get("CERTROLL_CLUSTER_DIR"):
        ours = Cluster()
        ours.call("up", "--no-node")
        yield ours
        return
    ours = Cluster(folder.parent.parent / "component-cluster", 7200)
    try:
        ours.call("up", "--no-node")
        yield ours
    finally:
        ours.call("down")


@pytest.fixture(scope="session")
def env(cluster):
    found = cluster.env()
    os.environ["PATH"] = found["PATH"].removesuffix(":$PATH") + ":" + os.environ["PATH"]
    return found


@pytest.fixture(scope="session")
def api(cluster, env):
    """The administrator."""
    client = Api(env["KUBECONFIG"])
    known = {crd["metadata"]["name"] for crd in client.list("CustomResourceDefinition")}
    names = install_crds(client)
    for name in names:
        client.wait("CustomResourceDefinition", None, name,
                    lambda crd: condition(crd, "Established").get("status") == "True", "Established", 30)
    if not known.issuperset(names):
        # Its garbage collector asks for new kinds when it starts, and then every 30 s only.
        cluster.call("restart", "kube-controller-manager")
    if client.get("Namespace", None, HOME) is None:
        client.namespace(HOME)
    return client


@pytest.fixture(scope="session")
def account(api, folder):
    """The controller's kubeconfig, with the rights that the chart gives it, and its user name."""
    return service_account(api, folder, HOME, "controller")


@pytest.fixture
def audit(env, account):
    """What the controller does to the API, since the start of the test."""
    return Audit(env["AUDIT_LOG"], account[1])


@pytest.fixture(scope="session")
def pebble(env):
    return Pebble(env)


@pytest.fixture(scope="session")
def dns(env):
    return Dns(env)


@pytest.fixture(scope="session")
def responder(env, api):
    """Ingress controller and solver pods, on the port of Pebble's validation and on that of self-checks."""
    ports = [int(env["HTTP01_PORT"]), 80]
    try:
        made = Responder(api, ports)
    except OSError as error:
        pytest.fail(f"the HTTP-01 responder needs ports {ports} of 127.0.0.1: {error}")
    yield made
    made.close()


@pytest.fixture
def make_controller(account, folder, request):
    """Makes controllers of this test's own (not started); what still runs after the test is killed."""
    made = []

    def make(name=None, kubeconfig=account[0], **flags):
        flags = {"allow-private-urls": "true", "solver-linger": "20s", **flags}
        name = name or f"{request.node.name}-{len(made)}"
        made.append(Controller(kubeconfig, folder, name, HOME, **flags))
        made[-1].log.unlink(missing_ok=True)
        return made[-1]

    yield make
    for one in made:
        one.kill()
        one.check_log()


@pytest.fixture
def shipped(monkeypatch):
    """The program without sanitizers: where time and memory are measured."""
    plain = ROOT / os.environ.get("BUILD", "build") / "certroll"
    assert plain.exists(), f"{plain} is missing: run make"
    monkeypatch.setenv("CERTROLL_BIN", str(plain))


def forget_lease(api):
    """A controller that was killed holds its lease for 15 s, and no test but those of the lease cares."""
    api.delete("Lease", HOME, "certroll-controller")


def lead(api, account, folder, name, **flags):
    """One controller for a module, until it is closed."""
    one = Controller(account[0], folder, name, HOME, allow_private_urls="true", solver_linger="20s",
                     failure_backoff_min="2s", failure_backoff_max="8s", **flags)
    one.log.unlink(missing_ok=True)
    forget_lease(api)
    one.start()
    wait_for("the controller to lead", lambda: "leading" in one.text(), 25, one.tail)
    yield one
    one.stop()


def outlive(one):
    """The module's controller must outlive the test; one that an earlier test has lost is started again."""
    if not one.running():
        one.start()
    yield one
    assert one.running(), f"it ended with {one.wait()}\n{one.tail(80)}"


@pytest.fixture(scope="module")
def shared_controller(api, account, folder, request):
    """One controller for the module."""
    yield from lead(api, account, folder, request.module.__name__)


@pytest.fixture
def controller(shared_controller):
    """The module's controller."""
    yield from outlive(shared_controller)


@pytest.fixture(autouse=True)
def rights_suffice(env, account, request):
    """The chart's rights are enough for whatever the controller does in any test, but where a test takes them."""
    seen = Audit(env["AUDIT_LOG"], account[1])
    yield
    assert request.node.get_closest_marker("refusals") or not seen.refused(), seen.refused()


@pytest.fixture
def ca(env, pebble):
    """A proxy before Pebble: shows what the controller asks the CA, and can disturb it."""
    pki = f"{env['CLUSTER_DIR']}/conf/pki"
    proxy = Proxy(pebble.directory, pebble.ca_file, f"{pki}/acme.crt", f"{pki}/acme.key")
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def authority(folder):
    """The root of the CAs that tests start."""
    return Authority(folder / "ca" / "authority")


@pytest.fixture(scope="session")
def names(folder):
    """What those CAs ask for addresses."""
    with Names(folder / "ca") as one:
        yield one


@pytest.fixture(scope="module")
def start_ca(folder, authority, names, env, responder):
    """start_ca(Pebble, nonce_reject=50): a CA of lib.ca; the same one for the same arguments in all of a module."""
    running = {}

    def start(kind, **settings):
        key = (kind, repr(sorted(settings.items())))
        if key not in running:
            name = f"{kind.__name__.lower()}-{len(running)}"
            running[key] = kind(folder / "ca", authority, names, int(env["HTTP01_PORT"]), name, **settings).start()
        return running[key]

    yield start
    for one in running.values():
        one.stop()


# ---- DNS-01: names are looked up from the root down, and zones are on servers as users have them

@pytest.fixture(scope="session")
def dns_tree(folder):
    """Root and recursive resolver; zones are delegated from it. A controller of a test's own wants
    nameservers=dns_tree.address."""
    with Tree(folder / "dns") as one:
        yield one


@pytest.fixture(scope="session")
def dns01_ca(folder, authority, dns_tree):
    """A Pebble that asks that resolver."""
    with ca_kinds.Pebble(folder / "ca", authority, dns_tree, free_port(), "pebble-dns") as one:
        yield one


@pytest.fixture(scope="module")
def shared_dns01_controller(api, account, folder, request, dns_tree):
    """FEATURES of the module are turned on."""
    gates = {"feature_gates": request.module.FEATURES} if hasattr(request.module, "FEATURES") else {}
    yield from lead(api, account, folder, request.module.__name__, nameservers=dns_tree.address, **gates)


@pytest.fixture
def dns01_controller(shared_dns01_controller):
    """The module's controller, whose resolver is that of the tree."""
    yield from outlive(shared_dns01_controller)


@pytest.fixture(scope="session")
def bind(folder, dns_tree):
    """BIND as RFC 2136's users have it."""
    with Bind(folder / "dns") as one:
        yield one


@pytest.fixture
def zone(ns, bind, dns_tree):
    """A zone of the test's own on it."""
    name = f"{ns}.test"
    bind.add_zone(name)
    dns_tree.delegate(name, *bind.servers())
    return name


@pytest.fixture
def late(folder, dns_tree, ns):
    """A zone of the test's own whose secondary sees nothing before it is released: (primary, secondary, zone)."""
    with Secondary(folder / "dns", f"late-{ns}", lag=None) as second, Bind(folder / "dns", f"first-{ns}", [second]) as one:
        one.add_zone(f"{ns}.test")
        dns_tree.delegate(f"{ns}.test", *one.servers())
        yield one, second, f"{ns}.test"


@pytest.fixture
def ns(api):
    """A namespace of the test's own."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    api.namespace(name)
    yield name
    api.delete("Namespace", None, name)


@pytest.fixture
def issuer(api, ns):
    """A selfSigned Issuer in it."""
    return api.create(self_signed(ns))["metadata"]["name"]


@pytest.fixture
def acme_issuer(api, ns, pebble, responder):
    """An Issuer of Pebble in it, registered."""
    api.create(acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    return "acme"
