# SPDX-License-Identifier: Apache-2.0
"""A user with less rights than the chart gives: said where it hurts, and no storm of requests."""
from lib.audit import Audit
from lib.cluster import service_account
from lib.objects import certificate, self_signed
from lib.wait import stays, wait_for


def test_without_the_right_to_write_secrets_the_certificate_says_so(api, ns, folder, env, make_controller):
    kubeconfig, user = service_account(api, folder, ns, "poor", without={"secrets": ["patch"]})
    seen = Audit(env["AUDIT_LOG"], user)
    one = make_controller(kubeconfig=kubeconfig, namespace=ns, leader_elect="false").start()
    api.create(self_signed(ns))
    api.create(certificate(ns, "web"))
    api.wait("Certificate", ns, "web", lambda c: "cannot patch resource" in (c.get("status") or {}).get(
        "nextAction", ""), "the refusal in nextAction")
    assert api.get("Secret", ns, "web-tls") is None
    seen.mark()
    before = one.reconciles()
    stays("few requests", lambda: len(seen.entries()) < 20 and one.reconciles() - before < 20, 3)
    one.stop()


def test_without_the_right_to_read_secrets_it_is_not_ready_and_says_so(api, ns, folder, env, make_controller):
    kubeconfig, user = service_account(api, folder, ns, "blind", without={"secrets": ["get", "list", "watch"]})
    seen = Audit(env["AUDIT_LOG"], user)
    one = make_controller(kubeconfig=kubeconfig, namespace=ns, leader_elect="false").start(ready=False)
    wait_for("the refusal in the log", lambda: "cannot list resource" in one.text() or
             "cannot watch resource" in one.text(), show=one.tail)
    assert one.get("/readyz")[0] == 503
    assert one.get("/livez")[0] == 200
    seen.mark()
    stays("few requests", lambda: len(seen.entries()) < 15, 3)
    one.stop()
