# SPDX-License-Identifier: Apache-2.0
"""moto: AWS in memory. Once check() was called it recomputes the signature of each call with botocore and looks at the
caller's policies, as AWS does."""
import json
import subprocess
import urllib.error
import urllib.request

from lib.ca import build_tool
from lib.ca.server import Server
from lib.ports import free_port

# moto 5.2.5 takes the query of a GET for its body as well, and so refuses what AWS's own SDK has signed: here a GET has no
# body. All else of the signature is left to it.
SERVE = """
import sys
import moto.iam.access_control as access
from moto.server import main
make_request = access.IAMRequestBase._create_aws_request
def make_request_of_body(self):
    data = self._data
    self._data = b"" if self._method == "GET" else data
    try:
        return make_request(self)
    finally:
        self._data = data
access.IAMRequestBase._create_aws_request = make_request_of_body
main(sys.argv[1:])
"""

# moto's own boto3 in a process that lives as long as the server: each line is code, and what that leaves in `result` is
# the answer.
ADMINISTRATOR = """
import json, sys, boto3
url, region = sys.argv[1:3]
def aws(service):
    return boto3.client(service, endpoint_url=url, aws_access_key_id=key[0], aws_secret_access_key=key[1],
                        region_name=region)
for line in sys.stdin:
    key, code = json.loads(line)
    names = {"json": json, "aws": aws}
    exec(code, names)
    print(json.dumps(names["result"]), flush=True)
"""


class Moto(Server):
    region = "eu-central-1"

    def __init__(self, folder, name="moto"):
        super().__init__(folder, name)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.packages = build_tool("moto")
        self.key = ("AKIAADMINISTRATOR", "secret of nobody")
        self.administrator = None

    def command(self):
        return ["/usr/bin/python3", "-s", "-c", SERVE, "-H", "127.0.0.1", "-p", self.port]

    def environ(self):
        return {"PYTHONPATH": str(self.packages), "PYTHONDONTWRITEBYTECODE": "1"}

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/moto-api/", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def start(self):
        super().start()
        with open(self.folder / "administrator", "ab") as log:
            self.administrator = subprocess.Popen(
                ["/usr/bin/python3", "-s", "-c", ADMINISTRATOR, self.url, self.region], text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env={"PATH": "/usr/bin:/bin", **self.environ()})
        return self

    def stop(self):
        if self.administrator is not None:
            self.administrator.stdin.close()
            self.administrator.wait(10)
        super().stop()

    def call(self, code):
        """What code leaves in `result`, as the administrator."""
        self.administrator.stdin.write(json.dumps([self.key, code]) + "\n")
        self.administrator.stdin.flush()
        line = self.administrator.stdout.readline()
        assert line, f"{(self.folder / 'administrator').read_text()}\n{self.tail()}"
        return json.loads(line)

    def check(self):
        """From now on nothing is done for a caller that moto does not know."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", data=b"0", method="POST",
                                         headers={"Content-Type": "text/plain"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
