# SPDX-License-Identifier: Apache-2.0
"""certbot with the CAs that certroll is tested with, set up the same: where it fails too, the fault is not ours."""
import subprocess

import pytest

from lib.ca import Acme2certifier, DebianPebble, Pebble, StepCa, build_tool
from lib.tls import verify

CODE = "import sys; from certbot.main import main; sys.exit(main(sys.argv[1:]))"


def certbot(ca, folder, webroot, *names):
    """Its exit code, what it said, and the chain that it has got."""
    command = ["/usr/bin/python3", "-s", "-c", CODE, "certonly", "--webroot", "--webroot-path", str(webroot),
               "--server", ca.directory, "--cert-name", names[0], "--non-interactive", "--agree-tos", "--no-eff-email",
               "--email", ca.email or "admin@example.org"]
    for option in ("config-dir", "work-dir", "logs-dir"):
        command += [f"--{option}", str(folder / option)]
    for name in names:
        command += ["-d", name]
    if ca.eab:
        command += ["--eab-kid", ca.eab[0], "--eab-hmac-key", ca.eab[1]]
    done = subprocess.run(command, text=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(build_tool("certbot")), "REQUESTS_CA_BUNDLE": str(ca.ca_file)})
    chain = folder / "config-dir/live" / names[0] / "fullchain.pem"
    return done.returncode, done.stdout, chain.read_text() if chain.exists() else ""


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
    code, said, chain = certbot(ca, tmp_path, webroot, "a.localhost", "b.localhost")
    assert code == 0, f"{said}\n{ca.tail()}"
    root, between = tmp_path / "root.pem", tmp_path / "between.pem"
    root.write_text(ca.root())
    between.write_text(chain)
    verify(chain, root, between)
    code, said, _ = certbot(ca, tmp_path, webroot, ca.refused)
    assert code != 0, said
