# SPDX-License-Identifier: Apache-2.0
"""certbot, a second opinion: where it fails with the same set-up, the fault is not ours."""
import subprocess

from lib.ca import build_tool

CODE = "import sys; from certbot.main import main; sys.exit(main(sys.argv[1:]))"


def certbot(ca, folder, *names, options):
    """options: of its authenticator. Its exit code, what it said, and the chain that it has got."""
    command = ["/usr/bin/python3", "-s", "-c", CODE, "certonly", *map(str, options), "--server", ca.directory,
               "--cert-name", names[0].removeprefix("*."), "--non-interactive", "--agree-tos", "--no-eff-email",
               "--email", ca.email or "admin@example.org"]
    for option in ("config-dir", "work-dir", "logs-dir"):
        command += [f"--{option}", str(folder / option)]
    for name in names:
        command += ["-d", name]
    if ca.eab:
        command += ["--eab-kid", ca.eab[0], "--eab-hmac-key", ca.eab[1]]
    done = subprocess.run(command, text=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(build_tool("certbot")), "REQUESTS_CA_BUNDLE": str(ca.ca_file)})
    chain = folder / "config-dir/live" / names[0].removeprefix("*.") / "fullchain.pem"
    return done.returncode, done.stdout, chain.read_text() if chain.exists() else ""
