# SPDX-License-Identifier: Apache-2.0
"""Pebble behind a proxy that spoils its answers: whatever becomes of one of them, the certificate comes at the first
attempt and from one order, and nothing is asked again before the time that the CA has said. The rows of a test run at
once: each has an Issuer, an account and a proxy of its own."""
import time

import pytest

from lib import faults
from lib.api import condition
from lib.ca import Pebble
from lib.faults import PLACES, Fault, ResetAt, retry_date
from lib.objects import acme, certificate, self_signed
from lib.proxy import Proxy
from lib.wait import wait_for

SIGNED = [place for place in PLACES if place not in ("directory", "newNonce")]
WITH_BODY = ["directory", *SIGNED]
WAIT = 4    # seconds that a Retry-After says
LATE = 5    # and how much later at most the next request comes: a date's second, a back-off, a busy machine
SLOW = 150  # seconds until the last of many is there, time-outs included

# Places that are known to fail, with the reason: a test in which nothing else fails is an expected failure.
def conclude(wrong):
    """wrong: place -> what went wrong there."""
    text = "\n".join(filter(None, wrong.values()))
    assert not text, text


class Attempt:
    """A Certificate of its own Issuer behind its own proxy."""

    def __init__(self, api, ns, ca, authority, name):
        self.api, self.ns, self.ca, self.name = api, ns, ca, name
        self.proxy = Proxy(ca.directory, ca.ca_file, *authority.server())

    def begin(self):
        self.api.create(acme(self.ns, self.ca, self.name, server=f"{self.proxy.url}/dir"))
        self.api.create(certificate(self.ns, self.name, self.name, dnsNames=[f"{self.name}.{self.ns}.localhost"]))

    def posts(self, place):
        """The POSTs there that the CA has carried out."""
        return [r for r in self.proxy.requests if r.path.startswith(PLACES[place]) and 200 <= r.status < 300]

    def judge(self):
        """What went wrong, or nothing. Also an order whose URL was lost on its way is the only one."""
        try:
            self.api.wait_ready("Certificate", self.ns, self.name, SLOW)
            status = self.api.get("Certificate", self.ns, self.name)["status"]
            assert status["revision"] == 1 and "failedIssuanceAttempts" not in status, status
            orders, finalized = len(self.posts("newOrder")), {r.path for r in self.posts("finalize")}
            assert orders == 1, f"{orders} orders"
            assert len(finalized) == 1, f"orders that were acted on: {finalized}"
            return ""
        except AssertionError as error:
            asked = "\n".join(f"{r.at:.1f} {r}" for r in self.proxy.requests)
            return f"--- {self.name}: {str(error)[:1500]}\n{asked}"


@pytest.fixture
def attempt(api, ns, start_ca, authority, responder):
    """attempt(name): another one."""
    made, ca = [], start_ca(Pebble)

    def make(name):
        made.append(Attempt(api, ns, ca, authority, name))
        return made[-1]

    yield make
    for one in made:
        one.proxy.close()


def spoil(attempt, name, fault, places, early=False):
    """An attempt for each place where the fault happens once, all at once; what went wrong where."""
    rows = []
    for place in places:
        one = attempt(f"{name}-{place.lower()}")
        rows.append((one, Fault(one.proxy, place, fault, early)))
        one.begin()
    wrong = {}
    for one, happened in rows:
        wrong[happened.place] = one.judge() or ("" if happened.hits else f"--- {one.name}: never happened")
    return wrong


# ---- one bad answer at each place

@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, fault, places", [
    ("truncated", faults.truncate, WITH_BODY),
    ("no-location", faults.without("location"), ["newAccount", "newOrder"]),
    ("no-nonce", faults.without("replay-nonce"), ["newNonce", *SIGNED]),
    pytest.param("500", faults.refuse(500), PLACES, marks=pytest.mark.full),
    pytest.param("502", faults.page(502), PLACES, marks=pytest.mark.full),
    pytest.param("503", faults.page(503), PLACES, marks=pytest.mark.full),
    pytest.param("504", faults.page(504), PLACES, marks=pytest.mark.full),
    pytest.param("inflated", faults.inflate, WITH_BODY, marks=pytest.mark.full),
    pytest.param("html", faults.as_html, WITH_BODY, marks=pytest.mark.full),
    pytest.param("not-json", faults.not_json, WITH_BODY, marks=pytest.mark.full),
    pytest.param("empty", faults.empty, WITH_BODY, marks=pytest.mark.full),
], ids=lambda value: value if isinstance(value, str) else "")
def test_answer_that_is_spoilt(attempt, controller, name, fault, places):
    """The CA has done what was asked and its answer is of no use."""
    conclude(spoil(attempt, name, fault, places))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, fault", [
    ("503", faults.page(503)),
    pytest.param("500", faults.refuse(500), marks=pytest.mark.full),
    pytest.param("502", faults.page(502), marks=pytest.mark.full),
    pytest.param("504", faults.page(504), marks=pytest.mark.full),
    pytest.param("429", faults.refuse(429, "rateLimited"), marks=pytest.mark.full),
], ids=lambda value: value if isinstance(value, str) else "")
def test_request_that_is_turned_away(attempt, controller, name, fault):
    """The CA never sees the request: there is no second order."""
    conclude(spoil(attempt, name, fault, PLACES, early=True))


@pytest.mark.full
@pytest.mark.timeout(400)
def test_answer_that_takes_for_ever(api, ns, attempt, start_ca, controller):
    """A byte each 5 s. Meanwhile another CA answers at once, and its certificate is there."""
    rows = [attempt(f"slow-{place.lower()}") for place in WITH_BODY]
    happened = [Fault(one.proxy, place, faults.endless) for one, place in zip(rows, WITH_BODY)]
    for one in rows:
        one.begin()
    wait_for("the first that hangs", lambda: happened[0].hits)
    quick = attempt("quick")
    quick.begin()
    api.wait_ready("Certificate", ns, "quick", 20)
    wrong = {place: one.judge() for one, place in zip(rows, WITH_BODY)}
    conclude(wrong)


@pytest.mark.timeout(120)
def test_a_silent_ca_slows_nobody(api, ns, attempt, controller):
    """Thirty orders at a CA that never answers: two calls wait for it, and another CA's certificate is there at once."""
    silent, quick = attempt("silent"), attempt("quick")
    happened = Fault(silent.proxy, "newOrder", faults.endless, times=1000)
    silent.begin()
    api.wait_ready("Issuer", ns, "silent")
    for i in range(30):
        api.create(certificate(ns, f"silent-{i}", "silent", dnsNames=[f"silent-{i}.{ns}.localhost"]))
    wait_for("two orders to wait", lambda: len(happened.hits) >= 2)
    quick.begin()
    api.wait_ready("Certificate", ns, "quick", 10)
    assert len(happened.hits) == 2
    assert "Busy" not in api.describe(ns), "who waits for others has nothing to tell"


@pytest.mark.timeout(120)
def test_many_silent_cas_slow_nobody(api, ns, attempt, controller):
    """More of them than certroll has threads for the outside, each with an Issuer of its own: none is waited for for
    long as long as it has never answered. Whoever needs nobody has threads of its own; and there is none more than
    before."""
    threads = controller.threads()
    silent = [attempt(f"silent-{i}") for i in range(15)]
    happened = [Fault(one.proxy, "directory", faults.endless, times=1000) for one in silent]
    for one in silent:
        one.begin()
    wait_for("three quarters of the threads to wait", lambda: sum(len(one.hits) for one in happened) >= 9)
    assert controller.threads() <= threads
    api.create(self_signed(ns))
    api.create(certificate(ns, "own"))
    quick = attempt("quick")
    quick.begin()
    api.wait_ready("Certificate", ns, "own", 10)
    api.wait_ready("Certificate", ns, "quick", 40)
    assert not any(condition(api.get("Issuer", ns, one.name), "Ready").get("status") == "True" for one in silent)


def test_lost_order_on_a_later_page(api, ns, attempt, controller):
    """Pebble names three orders on a page, the oldest first: the newest is found behind those that are done."""
    one = attempt("paged")
    api.create(acme(ns, one.ca, one.name, server=f"{one.proxy.url}/dir"))
    for number in range(4):
        api.create(certificate(ns, f"done-{number}", one.name, dnsNames=[f"done-{number}.{ns}.localhost"]))
    for number in range(4):
        api.wait_ready("Certificate", ns, f"done-{number}")
    assert not one.proxy.posts("list-orderz"), "in the good path nobody asks"
    Fault(one.proxy, "newOrder", faults.reset)
    api.create(certificate(ns, "lost", one.name, dnsNames=[f"lost.{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "lost")
    assert len(one.posts("newOrder")) == 5
    assert [r.path.rpartition("/")[2] for r in one.proxy.posts("list-orderz")][1:] == ["2"]


# ---- Retry-After

@pytest.mark.timeout(300)
@pytest.mark.parametrize("status, form", [
    (429, "seconds"), (429, "date"), pytest.param(503, "seconds", marks=pytest.mark.full),
    pytest.param(503, "date", marks=pytest.mark.full)])
def test_retry_after_is_obeyed_to_the_second(attempt, controller, status, form):
    """At each place; dates have whole seconds, so they are up to one later."""
    rows = []
    for place in PLACES:
        one = attempt(f"{status}-{form}-{place.lower()}")

        def fault(answer, one=one):
            until = retry_date(WAIT)
            one.until = time.monotonic() + (WAIT if form == "seconds" else faults.seconds_until(until))
            faults.refuse(status, "rateLimited", retry_after=str(WAIT) if form == "seconds" else until)(answer)

        rows.append((one, Fault(one.proxy, place, fault, early=True)))
        one.begin()
    wrong = {happened.place: one.judge() for one, happened in rows}
    assert not any(wrong.values()), "\n".join(wrong.values())
    for one, happened in rows:
        assert happened.hits, f"{one.name} never happened"
        again = [r.at for r in one.proxy.requests if r.path.startswith(PLACES[happened.place])
                 and r.at > happened.hits[0]]
        if not again or not one.until <= again[0] <= one.until + LATE:
            times = [f"{at - one.until:+.2f}" for at in again]
            wrong[happened.place] = f"{one.name}: asked again at {times} s from the time that was said"
    conclude(wrong)


# ---- resets

@pytest.mark.timeout(300)
@pytest.mark.parametrize("early", [True, False], ids=["request", "answer"])
def test_reset_at_each_request(attempt, controller, early):
    """At the n-th request of an issuance, for each n: before the CA sees it, or when its answer is on its way. How
    often an authorization is asked for is the CA's to say, so a late n need not come."""
    calm = attempt("calm")
    calm.begin()
    assert not (wrong := calm.judge()), wrong
    rows = []
    for number in range(1, len(calm.proxy.requests) + 1):
        one = attempt(f"at-{number}")
        rows.append((one, ResetAt(one.proxy, number, early)))
        one.begin()
    wrong = {}
    for one, happened in rows:
        text = one.judge()
        wrong[happened.hit] = wrong.get(happened.hit, "") + text
    # finalize comes after polls whose number nobody knows: test_reset_at_each_place is sure to meet it.
    assert set(wrong) >= {"directory", "newAccount", "newOrder", "authorization", "challenge"}, set(wrong)
    conclude(wrong)


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("early", [True, False], ids=["request", "answer"])
def test_reset_at_each_place(attempt, controller, early):
    conclude(spoil(attempt, "reset", faults.reset, PLACES, early))
