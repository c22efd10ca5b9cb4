# SPDX-License-Identifier: Apache-2.0
"""Rate limits: orders wait in fair turns and say so, no crash forgets what was spent, a CA's refusal is shown."""
import datetime
import json

import pytest

from lib.api import condition
from lib.objects import acme, certificate
from lib.wait import wait_for

CONFIG_MAP = "certroll-budgets"
PROBLEM = "urn:ietf:params:acme:error:rateLimited"
UNPAUSE = "https://portal.test/sfe/v1/unpause?jwt=" + "j" * 300


def waiting(api, ns):
    """reason -> how many Orders wait for it."""
    reasons = [((o.get("status") or {}).get("waiting") or {}).get("reason") for o in api.list("Order", ns)]
    return {r: reasons.count(r) for r in set(reasons) if r}


def ready(api, ns):
    return [c["metadata"]["name"] for c in api.list("Certificate", ns) if condition(c, "Ready").get("status") == "True"]


def tomorrow_utc():
    """A UTC day must not end within the test."""
    now = datetime.datetime.now(datetime.timezone.utc)
    left = datetime.timedelta(days=1) - datetime.timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    if left < datetime.timedelta(minutes=2):
        pytest.skip("the UTC day ends within two minutes")
    return (now + left).date()


def test_a_kill_forgets_nothing_that_was_spent(api, ns, pebble, responder, make_controller):
    """With the ConfigMap, and without: then the Orders tell. The first test here: the module's controller does not run
    yet."""
    tomorrow = tomorrow_utc()
    api.create(acme(ns, pebble, limits={"maxIssuancesPerDay": 2}))
    one = make_controller(namespace=ns, leader_elect="false").start()
    api.wait_ready("Issuer", ns, "acme")
    for i in range(2):
        api.create(certificate(ns, f"n{i}", "acme"))
    for i in range(2):
        api.wait_ready("Certificate", ns, f"n{i}")
    wait_for("the ConfigMap", lambda: api.get("ConfigMap", "certroll", CONFIG_MAP))
    one.kill()
    one.start()
    api.create(certificate(ns, "third", "acme"))
    wait_for("the third to wait", lambda: waiting(api, ns) == {"DailyCapReached": 1}, 20, lambda: api.describe(ns))
    order = next(o for o in api.list("Order", ns) if "waiting" in (o.get("status") or {}))
    assert order["status"]["waiting"]["until"] == f"{tomorrow}T00:00:00Z"
    one.kill()
    api.delete("ConfigMap", "certroll", CONFIG_MAP)
    api.delete("Certificate", ns, "third")
    one.start()
    api.create(certificate(ns, "fourth", "acme"))
    wait_for("the fourth to wait", lambda: waiting(api, ns) == {"DailyCapReached": 1}, 20, lambda: api.describe(ns))
    api.patch("Issuer", ns, "acme", {"spec": {"acme": {"limits": {"maxIssuancesPerDay": 3}}}})
    api.wait_ready("Certificate", ns, "fourth", 30)
    one.stop()
    stored = json.loads(api.get("ConfigMap", "certroll", CONFIG_MAP)["data"]["spent"])
    assert ["maxIssuancesPerDay", f"Issuer {ns}/acme"] in [row[:2] for row in stored["spent"]], "stored on stopping"


def test_orders_wait_in_fair_turns_and_say_so(api, ns, pebble, responder, controller):
    """Three in one namespace wait when another comes with one: it is not the last."""
    other, issuer = f"{ns}-b", {"name": f"{ns}-limited", "kind": "ClusterIssuer"}
    api.namespace(other)
    limits = {"ordersPerAccount": {"count": 2, "period": "20s"}}
    api.create(acme(None, pebble, issuer["name"], "ClusterIssuer", limits=limits))
    try:
        for i in range(5):
            api.create(certificate(ns, f"n{i}", issuerRef=issuer))
        wait_for("two to be issued and three to wait", lambda: len(ready(api, ns)) == 2 and
                 waiting(api, ns) == {"BudgetExhausted": 3}, 30, lambda: api.describe(ns))
        name = issuer["name"]
        assert controller.metric("certroll_acme_budget_left", issuer=name, limit="ordersPerAccount") <= 1
        assert controller.metric("certroll_acme_budget_waiting", limit="ordersPerAccount") >= 1
        api.create(certificate(other, "modest", issuerRef=issuer))
        late = next(c["metadata"]["name"] for c in api.list("Certificate", ns)
                    if c["metadata"]["name"] not in ready(api, ns))
        crt = api.wait("Certificate", ns, late, lambda c: condition(c, "Issuing").get("reason") == "BudgetExhausted",
                       "waiting for the rate limit", 30)
        assert "ordersPerAccount (2 in 20s)" in crt["status"]["nextAction"]
        request = api.get("CertificateRequest", ns, f"{late}-1")
        assert condition(request, "Ready")["reason"] == "BudgetExhausted"
        assert "to be placed at about 20" in condition(request, "Ready")["message"]
        api.wait_ready("Certificate", other, "modest", 60)
        assert len(ready(api, ns)) < 5, "it did not go last"
        for i in range(5):
            crt = api.wait_ready("Certificate", ns, f"n{i}", 90)
            assert "failedIssuanceAttempts" not in crt["status"]
        assert not waiting(api, ns)
    finally:
        api.delete("ClusterIssuer", None, issuer["name"])
        api.delete("Secret", "certroll", f"{issuer['name']}-account")
        api.delete("Namespace", None, other)


@pytest.mark.parametrize("detail, reason, said", [
    ("too many new orders recently", "RateLimited", "too many new orders recently"),
    (f"prevented for a.localhost and possibly others. Please visit: {UNPAUSE}", "Paused", f"visit {UNPAUSE}"),
], ids=["with-a-time", "paused"])
def test_a_refusal_of_the_ca_is_a_wait(api, ns, pebble, ca, responder, controller, detail, reason, said):
    refusing = [True]
    problem = json.dumps({"type": PROBLEM, "detail": detail, "status": 429}).encode()

    def refuse(seen):
        if refusing[0] and "/order-plz" in seen.path:
            return 429, problem, {"Content-Type": "application/problem+json", "Retry-After": "13"}
        return None

    ca.before = refuse
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    wait_for("the refusal to be shown", lambda: waiting(api, ns) == {reason: 1}, 20, lambda: api.describe(ns))
    crt = api.wait("Certificate", ns, "web", lambda c: condition(c, "Issuing").get("reason") == reason, reason, 30)
    assert said in condition(crt, "Issuing")["message"] and said in crt["status"]["nextAction"]
    refusing[0] = False
    crt = api.wait_ready("Certificate", ns, "web", 60)
    assert "failedIssuanceAttempts" not in crt["status"]
    asked = [r for r in ca.posts("order-plz") if r.status == 429]
    assert len(asked) <= 3, "it waits as long as the CA says"
