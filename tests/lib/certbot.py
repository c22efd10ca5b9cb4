# SPDX-License-Identifier: Apache-2.0
"""certbot, a second opinion: where it fails with the same set-up, the fault is not ours."""
import subprocess

from lib.ca import build_tool

CODE = "import sys; from certbot.main import main; sys.exit(main(sys.argv[1:]))"


def run(ca, folder, verb, *options):
    """Its exit code, and what it said."""
    command = ["/usr/bin/python3", "-s", "-c", CODE, verb, *map(str, options), "--server", ca.directory,
               "--non-interactive"]
    for option in ("config-dir", "work-dir", "logs-dir"):
        command += [f"--{option}", str(folder / option)]
    done = subprocess.run(command, text=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(build_tool("certbot")), "REQUESTS_CA_BUNDLE": str(ca.ca_file)})
    return done.returncode, done.stdout


def certbot(ca, folder, *names, options):
    """options: of its authenticator. Its exit code, what it said, and the chain that it has got."""
    options = [*options, "--cert-name", names[0].removeprefix("*."), "--agree-tos", "--no-eff-email",
               "--email", ca.email or "admin@example.org"]
    for name in names:
        options += ["-d", name]
    if ca.eab:
        options += ["--eab-kid", ca.eab[0], "--eab-hmac-key", ca.eab[1]]
    code, said = run(ca, folder, "certonly", *options)
    chain = folder / "config-dir/live" / names[0].removeprefix("*.") / "fullchain.pem"
    return code, said, chain.read_text() if chain.exists() else ""


def revoke(ca, folder, chain, key):
    """By the key of the certificate: no account is needed. Its exit code, and what it said."""
    files = {"cert": chain, "key": key}
    for name, text in files.items():
        (folder / f"{name}.pem").write_text(text)
    return run(ca, folder, "revoke", "--no-delete-after-revoke", "--reason", "keycompromise",
               *(word for name in files for word in (f"--{name}-path", folder / f"{name}.pem")))
