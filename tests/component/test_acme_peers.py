# SPDX-License-Identifier: Apache-2.0
"""certbot with the CAs that certroll is tested with, set up the same: where it fails too, the fault is not ours."""
import pytest

from lib.ca import Acme2certifier, DebianPebble, Pebble, StepCa
from lib.certbot import certbot
from lib.tls import verify


@pytest.fixture
def webroot(responder, tmp_path):
    """A folder that the names' web server serves."""
    responder.webroot = tmp_path / "webroot"
    responder.webroot.mkdir()
    yield responder.webroot
    responder.webroot = None


@pytest.mark.full
@pytest.mark.parametrize("kind, settings", [
    (Pebble, {}), (Pebble, {"nonce_reject": 5, "authz_reuse": 100}), (Pebble, {"eab": True}),
    (Pebble, {"chain_length": 3, "alternate_roots": 2}), (DebianPebble, {}), (StepCa, {}), (Acme2certifier, {}),
    (Acme2certifier, {"eab": True})],
    ids=lambda value: value.__name__ if isinstance(value, type) else "-".join(value) or "plain")
def test_certbot_issues_too(start_ca, webroot, tmp_path, kind, settings):
    """Two names; and the name that the CA refuses, it refuses to certbot, too."""
    ca = start_ca(kind, **settings)
    options = ("--webroot", "--webroot-path", webroot)
    code, said, chain = certbot(ca, tmp_path, "a.localhost", "b.localhost", options=options)
    assert code == 0, f"{said}\n{ca.tail()}"
    root, between = tmp_path / "root.pem", tmp_path / "between.pem"
    root.write_text(ca.root())
    between.write_text(chain)
    verify(chain, root, between)
    code, said, _ = certbot(ca, tmp_path, ca.refused, options=options)
    assert code != 0, said
