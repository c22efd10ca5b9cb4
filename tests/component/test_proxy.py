# SPDX-License-Identifier: Apache-2.0
"""The CA behind a real HTTP proxy (HTTPS_PROXY, NO_PROXY): right, wrong, and what never goes through it."""
import pytest

from lib.api import condition
from lib.connect_proxy import ConnectProxy
from lib.objects import acme, certificate
from lib.wait import wait_for


@pytest.fixture
def proxy():
    one = ConnectProxy("certroll:pa55")
    yield one
    one.close()


@pytest.fixture
def behind(api, ns, make_controller):
    """behind(HTTPS_PROXY=...): a controller of the namespace with that environment."""

    def start(allow="true", **environ):
        one = make_controller(namespace=ns, leader_elect="false", **{"allow-private-urls": allow})
        one.environ.update(environ)
        return one.start()

    return start


def server_of(ca):
    return ca.directory.partition("://")[2].partition("/")[0]


def wait_refused(api, ns, words):
    return condition(api.wait("Issuer", ns, "acme", lambda i: words in condition(i, "Ready").get("message", ""), words),
                     "Ready")["message"]


def test_certificate_comes_through_a_proxy(api, ns, pebble, responder, proxy, behind):
    """The CA is reached through it and nothing else is: not the API server, no self-check."""
    one = behind(HTTPS_PROXY=proxy.url)
    api.create(acme(ns, pebble))
    api.create(certificate(ns, "web", "acme", dnsNames=[f"{ns}.localhost"]))
    api.wait_ready("Certificate", ns, "web")
    assert set(proxy.asked) == {server_of(pebble)}, proxy.asked
    assert "pa55" not in one.text()


def test_proxy_that_refuses_is_said_and_asked_again(api, ns, pebble, responder, proxy, behind):
    proxy.status = 403
    behind(HTTPS_PROXY=proxy.url)
    api.create(acme(ns, pebble))
    assert "pa55" not in wait_refused(api, ns, "the proxy of HTTPS_PROXY refuses the connection (HTTP 403)")
    proxy.status = 200
    api.wait_ready("Issuer", ns, "acme", 60)


def test_proxy_with_another_password(api, ns, pebble, proxy, behind):
    behind(HTTPS_PROXY=f"http://certroll:wrong@{proxy.address}")
    api.create(acme(ns, pebble))
    assert "wrong" not in wait_refused(api, ns, "(HTTP 407): does it know the user and password there?")


def test_proxy_that_is_not_there(api, ns, pebble, behind):
    behind(https_proxy="http://127.0.0.1:1")
    api.create(acme(ns, pebble))
    wait_refused(api, ns, "the proxy of HTTPS_PROXY cannot be reached")


def test_ca_in_no_proxy_is_reached_directly(api, ns, pebble, responder, proxy, behind):
    proxy.status = 403
    behind(HTTPS_PROXY=proxy.url, NO_PROXY=".svc,10.0.0.0/8,127.0.0.0/8,localhost")
    api.create(acme(ns, pebble))
    api.wait_ready("Issuer", ns, "acme")
    assert not proxy.asked


def test_proxy_is_no_way_round_the_guard(api, ns, pebble, proxy, behind):
    """A tenant's Issuer names the machine itself: the proxy, which is there and would connect, is not asked."""
    behind(allow=None, HTTPS_PROXY=proxy.url)
    api.create(acme(ns, pebble))
    wait_refused(api, ns, "loopback")
    assert not proxy.asked


def test_setting_that_is_no_proxy_ends_the_start(behind, make_controller, ns):
    one = make_controller(namespace=ns, leader_elect="false")
    one.environ["HTTPS_PROXY"] = "socks5://user:pa55@proxy:1080"
    one.start(ready=False)
    assert one.wait() != 0
    wait_for("the reason", lambda: "write http://host:port" in one.text(), 5, one.tail)
    assert "pa55" not in one.text()
