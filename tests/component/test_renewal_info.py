# SPDX-License-Identifier: Apache-2.0
"""ACME renewal information (RFC 9773) against Pebble: the CA's window, the moment drawn from it, and what is replaced."""
import base64
import datetime
import json

import pytest

from lib.api import secret_data
from lib.certbot import revoke
from lib.objects import acme, certificate
from lib.wait import wait_for


@pytest.fixture
def watched(api, ns, pebble, ca, responder):
    """An Issuer that reaches Pebble through the proxy `ca`, under which Pebble's own URLs are."""
    api.create(acme(ns, pebble, server=f"{ca.url}/dir"))
    api.wait_ready("Issuer", ns, "acme")
    return ca


def payload(request):
    """What a signed request says."""
    text = json.loads(request.body)["payload"]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) if text else None


def status(api, ns, name="web"):
    return api.get("Certificate", ns, name)["status"]


def latest(own, not_after):
    """The CA's word moves a renewal back by half of what would be left of the certificate, at most."""
    begin, end = (datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (own, not_after))
    return (begin + (end - begin) / 2).strftime("%Y-%m-%dT%H:%M:%SZ")


def polls(ca):
    return [r for r in ca.requests if r.method == "GET" and "/renewalInfo/" in r.path]


def wait_polled(api, ns, ca):
    """The first questions come within minutes of an issuance, and at once after a start."""
    wait_for("a question for renewal information", lambda: polls(ca), 30, lambda: ca.requests[-5:])
    return wait_for("the answer in status", lambda: status(api, ns).get("renewalInfo", {}).get("selectedTime"), 20,
                    lambda: status(api, ns))


def restart(controller):
    controller.stop()
    controller.start()


def test_window_is_asked_for_and_the_draw_stays(api, ns, watched, controller):
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    own = status(api, ns)["renewalTime"]
    restart(controller)
    drawn = wait_polled(api, ns, watched)
    info = status(api, ns)["renewalInfo"]
    assert info["windowStart"] <= drawn <= info["windowEnd"]
    assert status(api, ns)["renewalTime"] == min(drawn, latest(own, status(api, ns)["notAfter"])) != own
    name = api.get("Secret", ns, "web-tls")["metadata"]["annotations"]["certroll.dev/certificate-id"]
    assert polls(watched)[-1].path.endswith(f"/{name}")
    assert not polls(watched)[-1].body, "it is not signed"
    asked = len(polls(watched))
    version = api.get("Certificate", ns, "web")["metadata"]["resourceVersion"]
    restart(controller)
    api.create(certificate(ns, "other", "acme"))
    api.wait_ready("Certificate", ns, "other")
    assert len(polls(watched)) == asked, "not before the Retry-After of the last answer, a restart or not"
    assert api.get("Certificate", ns, "web")["metadata"]["resourceVersion"] == version, "nothing to write"


def test_window_in_the_past_renews_and_tells_what_is_replaced(api, ns, pebble, watched, controller):
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    secret = api.get("Secret", ns, "web-tls")
    now = datetime.datetime.now(datetime.timezone.utc)
    pebble.renewal_info(secret_data(secret, "tls.crt"), now - datetime.timedelta(hours=2),
                        now - datetime.timedelta(hours=1), "https://ca.example/why")
    restart(controller)
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 60)
    orders = [payload(r) for r in watched.posts("order-plz") if r.status == 201]
    old = secret["metadata"]["annotations"]["certroll.dev/certificate-id"]
    assert [o.get("replaces") for o in orders] == [None, old]
    assert status(api, ns)["renewalInfo"]["earlyRenewals"] == 1
    notes = [e.get("note", "") for e in api.list("Event", ns) if e.get("reason") == "RenewalInfo"]
    assert notes and "https://ca.example/why" in notes[0]
    # The new one is of the same account: it says so, and is asked about under its own name.
    new = api.get("Secret", ns, "web-tls")["metadata"]["annotations"]
    assert new["certroll.dev/certificate-id"] != old
    assert new["certroll.dev/acme-account"] == api.get("Issuer", ns, "acme")["status"]["acme"]["uri"]


@pytest.mark.full
def test_what_somebody_else_revoked_is_renewed(api, ns, pebble, watched, controller, tmp_path):
    """By its key, with another client: certroll hears of it from the CA alone. Pebble then gives a window that is over,
    and takes no certificate with that key again."""
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    secret = api.get("Secret", ns, "web-tls")
    code, said = revoke(pebble, tmp_path, secret_data(secret, "tls.crt"), secret_data(secret, "tls.key"))
    assert code == 0, said
    restart(controller)
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 60)
    api.wait_ready("Certificate", ns, "web")


def test_what_is_no_window_changes_nothing(api, ns, pebble, watched, controller):
    """A blank, no JSON, no window, one that ends before it begins, and one without an end."""
    answers = [" ", '{"suggestedWindow": {"start": "20', "[]", "{}",
               '{"suggestedWindow": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}',
               '{"suggestedWindow": {"start": "2026-01-01T00:00:00Z"}}']
    times = {}
    for i, answer in enumerate(answers):
        name = f"n{i}"
        api.create(certificate(ns, name, "acme"))
        times[name] = api.wait_ready("Certificate", ns, name)["status"]["renewalTime"]
        pebble.renewal_text(secret_data(api.get("Secret", ns, f"{name}-tls"), "tls.crt"), answer)
    restart(controller)
    wait_for("all to be asked about", lambda: len({r.path for r in polls(watched)}) == len(times), 30)
    api.create(certificate(ns, "later", "acme"))
    api.wait_ready("Certificate", ns, "later")
    assert {name: status(api, ns, name)["renewalTime"] for name in times} == times
    assert all(status(api, ns, name)["revision"] == 1 for name in times)
    assert len(polls(watched)) == len(times), "nor is it asked again and again"


def test_refused_replacement_costs_one_more_request(api, ns, watched, controller):
    """Two Certificates cannot replace one: the second is ordered without it."""
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")

    def refuse(seen):
        if seen.method == "POST" and seen.path.endswith("/order-plz") and "replaces" in payload(seen):
            return 409, json.dumps({"type": "urn:ietf:params:acme:error:alreadyReplaced", "detail": "x"}).encode()
        return None

    watched.before = refuse
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 30)
    asked = [("replaces" in payload(r), r.status) for r in watched.posts("order-plz")][1:]
    assert asked[0] == (True, 409) and asked[-1] == (False, 201)
    assert len([a for a in asked if a[1] == 201]) == 1, "one order"


def test_other_names_replace_nothing(api, ns, watched, controller):
    """An order without a name of the old certificate's is none that replaces it."""
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    api.patch("Certificate", ns, "web", {"spec": {"dnsNames": ["another.localhost"]}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "issued again", 30)
    assert ["replaces" in payload(r) for r in watched.posts("order-plz")] == [False, False]


def test_switched_off_nobody_is_asked_or_told(api, ns, pebble, ca, responder, controller):
    api.create(acme(ns, pebble, server=f"{ca.url}/dir", renewalInfo="disabled"))
    api.wait_ready("Issuer", ns, "acme")
    api.create(certificate(ns, "web", "acme"))
    api.wait_ready("Certificate", ns, "web")
    restart(controller)
    api.patch("Certificate", ns, "web", {"metadata": {"annotations": {"certroll.dev/renew": "1"}}})
    api.wait("Certificate", ns, "web", lambda c: c["status"]["revision"] == 2, "renewed", 30)
    assert not polls(ca)
    assert all("replaces" not in payload(r) for r in ca.posts("order-plz"))
    assert "renewalInfo" not in status(api, ns)
