# SPDX-License-Identifier: Apache-2.0
"""A mail host: Postfix and Dovecot in one pod share one certificate, get the next one by a roll, and serve it."""
import pytest

from conftest import leaf_of, renew
from lib.objects import acme, certificate
from lib.serving import NamedContext, imaps_serial, smtp_serial
from lib.wait import wait_for
from lib.workloads import DRAIN, State, body, service, settled

TLS = "/etc/mail-tls"


@pytest.fixture
def mail_ns(api, ns):
    """Postfix and Dovecot start as root, which the baseline standard allows."""
    api.patch("Namespace", None, ns, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
    return ns


def mail_deployment(ns, image, host):
    mounts = [{"name": "tls", "mountPath": TLS, "readOnly": True}, {"name": "spool", "mountPath": "/var/mail"}]

    def container(name, port):
        return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "args": [name],
                "env": [{"name": "MAIL_HOSTNAME", "value": host}], "volumeMounts": mounts,
                "lifecycle": DRAIN, "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}

    return body("Deployment", ns, "mail", {
        "securityContext": {}, "terminationGracePeriodSeconds": 10,
        "containers": [container("postfix", 25), container("dovecot", 993)],
        "volumes": [{"name": "tls", "secret": {"secretName": "mail-tls"}}, {"name": "spool", "emptyDir": {}}],
    }, "true", replicas=1)


def served(address, context):
    return {"SMTP": smtp_serial(address, 25, context), "IMAPS": imaps_serial(address, 993, context)}


def test_smtp_and_imaps_serve_the_renewed_certificate(api, mail_ns, pebble, domain, roots, test_image):
    ns, context = mail_ns, NamedContext(domain, roots)
    api.create(mail_deployment(ns, test_image("mail"), domain))
    address = service(api, ns, "mail", {"smtp": 25, "imaps": 993})
    wait_for("a pod", lambda: State(api, "Deployment", ns, "mail").pods, 20)
    api.create(acme(ns, pebble))
    api.create(certificate(ns, "mail", "acme", dnsNames=[domain]))
    api.wait_ready("Certificate", ns, "mail")
    before = settled(api, "Deployment", ns, "mail")
    assert before.restarts == 0 and before.fingerprint is None
    old = leaf_of(api, ns, "mail-tls").serial
    assert served(address, context) == {"SMTP": old, "IMAPS": old}

    new = renew(api, ns, "mail").serial
    wait_for("the roll", lambda: State(api, "Deployment", ns, "mail").fingerprint, 20)
    after = settled(api, "Deployment", ns, "mail")
    assert not set(before.pods) & set(after.pods)
    assert served(after.addresses[0], context) == {"SMTP": new, "IMAPS": new}
    assert served(address, context) == {"SMTP": new, "IMAPS": new}
