# SPDX-License-Identifier: Apache-2.0
"""The project's numbers where no pods are needed: what many certificates take when neither kubelet nor ingress is in the
way. certroll's own responder is asked by Pebble without anything between, by the self-check through a relay from port
80. `make bench` runs these on a quiet machine, lists what they measured, and fails where a limit is passed."""
import asyncio
import os
import pathlib
import threading
import time

import pytest

from lib.dns import Bind, Secondary
from lib.many import Ready, issue, writes_only
from lib.objects import acme, certificate, dns01_acme, route, self_signed
from lib.ports import free_port
from lib.wait import wait_for
from test_shared import HOME, SERVICE, publish

ADDRESS = "127.0.0.3"  # what every name resolves to; the tests of others have 127.0.0.1 and 127.0.0.2

# CERTROLL_BENCH: how many certificates the first size is of, 1000 in `make bench`; the second is five times that.
BENCH = int(os.environ.get("CERTROLL_BENCH", "0"))

pytestmark = [pytest.mark.full, pytest.mark.skipif(not BENCH, reason="numbers need a quiet machine: make bench")]


@pytest.fixture
def tell(record_property):
    """tell(name, value, at_most=limit): into the results and the output. A value beyond its limit fails the test at its
    end, so that it does not hide the others."""
    over = []

    def write(name, value, at_most=None, at_least=None):
        limit = f" (at most {at_most})" if at_most is not None else f" (at least {at_least})" if at_least else ""
        text = f"{value:.4g}{limit}" if isinstance(value, float) else f"{value}{limit}"
        record_property(name, text)
        print(f"{name}: {text}")
        if (at_most is not None and value > at_most) or (at_least is not None and value < at_least):
            over.append(f"{name}: {text}")

    yield write
    assert not over, over


class Relay:
    """Sends on what arrives at a port, byte by byte."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, ADDRESS, port))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def _serve(self, reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))
        except OSError:
            writer.close()

    @staticmethod
    async def _copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


def revision(thing):
    return (thing.get("status") or {}).get("revision", 0)


def cpu_seconds(one):
    """User and kernel time of the process."""
    fields = pathlib.Path(f"/proc/{one.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_emptiness(api):
    """Until all of earlier rows is gone. Else it would be in the memory of a controller that starts, and its removal,
    thousands of objects, in the rate."""
    def going():
        return [n["metadata"]["name"] for n in api.list("Namespace") if n["status"]["phase"] == "Terminating"]

    wait_for("namespaces of earlier rows to be gone", lambda: not going(), 400, going)


@pytest.fixture
def alone(api, shipped, make_controller):
    """The program as it ships, its responder where Pebble validates; nothing of other rows is there."""
    made = []

    def start(port, **more):
        wait_for_emptiness(api)
        one = make_controller(http01_port=port, http01_service=SERVICE, log_level="info", leader_elect="false",
                              **more).start()
        made.append(one)
        return one

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def names(dns):
    """Every name leads to ADDRESS."""
    dns.post("/set-default-ipv4", ip=ADDRESS)
    yield
    dns.post("/set-default-ipv4", ip="127.0.0.1")


@pytest.fixture
def relay(env, responder):
    """From port 80, where self-checks go, to certroll's responder, which has the port on which other tests are answered."""
    with responder.away():
        made = Relay(80, int(env["HTTP01_PORT"]))
        yield made
        made.close()


@pytest.fixture
def shared(api, env, ns, pebble, names, relay, alone):
    """Two Issuers whose challenges certroll answers itself, "acme" over a standing route and "each" over one for each
    order; the controller."""
    publish(api, [relay.target])
    one = alone(relay.target)
    api.create(route(ns, f"*.{ns}.example"))  # the names are this namespace's
    check = {"nameservers": [env["DNS_SERVER"]]}
    for name, how in (("acme", {"standing": True}), ("each", {})):
        api.create(acme(ns, pebble, name, solvers=[{"http01": {"shared": how, "selfCheck": check}}]))
        api.wait_ready("Issuer", ns, name)
    return one


def measure(api, one, audit, tell, bodies, cpu_ms=10, writes=None, rate=None):
    """The rate; and memory, processor time and writes of the controller for each, with their limits: those of ACME over
    HTTP-01 or of selfSigned unless given."""
    audit.mark()
    before = cpu_seconds(one)
    seconds = issue(api, bodies)
    ns, count = bodies[0]["metadata"]["namespace"], len(bodies)
    seen = [w for n in (ns, HOME) for w in audit.writes(namespace=n) if w.kind != "configmaps"]
    acme_is = bodies[0]["spec"]["issuerRef"]["name"] != "selfsigned"
    tell("cpu_ms_each", 1000 * (cpu_seconds(one) - before) / count, at_most=cpu_ms)
    tell("VmHWM_MB", one.memory()["VmHWM"] * 1024 / 1e6, at_most=35 if count <= 1000 else None)
    tell("own_writes_each", len(seen) / count, at_most=writes or (16 if acme_is else 6))
    tell("certificates_per_second", count / seconds, at_least=rate or (20 if acme_is else 60))
    return count / seconds


def shared_bodies(ns, name, count):
    return [certificate(ns, f"{name}{i}", "each", dnsNames=[f"{name}{i}.{ns}.example"]) for i in range(count)]


def test_shared(api, ns, shared, audit, tell):
    """A route for each order, certroll's own replica answers. The rate stays the same when there are five times as many
    orders under way."""
    few = measure(api, shared, audit, tell, shared_bodies(ns, "a", BENCH))
    many = measure(api, shared, audit, tell, shared_bodies(ns, "b", 5 * BENCH))
    tell("many_to_few", many / few, at_least=0.9)


def test_self_signed(api, ns, alone, audit, tell):
    """Beside it what a client reaches that only makes the writes: machines differ."""
    limit = writes_only(api, 240)
    one = alone(free_port())
    api.create(self_signed(ns))
    api.wait_ready("Issuer", ns, "selfsigned")
    rate = measure(api, one, audit, tell, [certificate(ns, f"c{i}") for i in range(BENCH // 2)])
    tell("of_limit", rate / limit, at_least=0.6)


def test_a_renewal_over_a_standing_route(api, ns, shared, tell):
    """Nothing is made for it in Kubernetes but its own objects: at most a second."""
    api.create(certificate(ns, "web", "acme", dnsNames=[f"www.{ns}.example"]))
    api.wait_ready("Certificate", ns, "web")
    times = []
    for n in range(2, 7):
        ready = Ready(api, ns)
        started = time.monotonic()
        api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": str(n)}}})
        times.append(ready.wait(1, lambda c, n=n: revision(c) == n)[0] - started)
    tell("all_seconds", ", ".join(f"{t:.2f}" for t in times))
    tell("seconds", min(times), at_most=1)


# ---- DNS-01: a real BIND, and a resolver that starts at the root

@pytest.fixture
def dns01(api, ns, folder, dns_tree, dns01_ca, alone, request):
    """An Issuer over a zone on a primary and a secondary that is so many seconds late; zone and controller."""
    zone = f"{ns}.test"
    with Secondary(folder / "dns", "lagging", request.param) as late, Bind(folder / "dns", "measured", [late]) as bind:
        bind.add_zone(zone)
        dns_tree.delegate(zone, *bind.servers())
        one = alone(free_port(), nameservers=dns_tree.address)
        api.create(bind.secret(ns))
        api.create(dns01_acme(ns, dns01_ca, bind.solver()))
        api.wait_ready("Issuer", ns, "acme")
        yield zone, one


@pytest.mark.parametrize("dns01", [0, 2], indirect=True, ids=["at-once", "lagging-2s"])
def test_dns01(api, ns, dns01, audit, tell):
    """600 a minute, and a secondary that lags lowers nothing: who waits for it has no worker."""
    zone, one = dns01
    rate = measure(api, one, audit, tell, [certificate(ns, f"c{i}", "acme", dnsNames=[f"c{i}.{zone}"])
                                           for i in range(BENCH // 2)], cpu_ms=None, writes=18, rate=10)
    tell("certificates_per_minute", 60 * rate, at_least=600)


@pytest.mark.parametrize("dns01", [0], indirect=True)
def test_many_names_by_dns01(api, ns, dns01, tell):
    """Wildcard and apex in one order; a hundred names in another."""
    zone, _ = dns01
    tell("wildcard_and_apex_seconds", issue(api, [certificate(ns, "both", "acme", dnsNames=[zone, f"*.{zone}"])]))
    names = [f"n{i}.{zone}" for i in range(100)]
    tell("hundred_names_seconds", issue(api, [certificate(ns, "many", "acme", dnsNames=names)]), at_most=15)
