# SPDX-License-Identifier: Apache-2.0
"""What can become of a CA's answers on their way, for the proxy before it. Pebble's paths say what a request is for."""
import email.utils
import json
import threading
import time

from .proxy import Answer, Reset

PLACES = {"directory": "/dir", "newNonce": "/nonce-plz", "newAccount": "/sign-me-up", "newOrder": "/order-plz",
          "authorization": "/authZ/", "challenge": "/chalZ/", "finalize": "/finalize-order/", "order": "/my-order/",
          "certificate": "/certZ/"}
PROBLEM = "application/problem+json"


def place_of(seen):
    """The name of what is asked for, or None."""
    return next((name for name, start in PLACES.items() if seen.path.startswith(start)), None)


# ---- faults: each takes the answer and changes it

def refuse(status, kind="serverInternal", **headers):
    """An ACME problem; headers by their names in lower case and with underscores."""

    def fault(answer):
        answer.status = status
        answer.body = json.dumps({"type": f"urn:ietf:params:acme:error:{kind}", "detail": "for a test"}).encode()
        answer.headers = {k: v for k, v in answer.headers.items() if k.lower() == "replay-nonce"}
        answer.headers["Content-Type"] = PROBLEM
        answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    return fault


def page(status):
    """What a load balancer says: HTML, no nonce."""

    def fault(answer):
        answer.status, answer.headers = status, {"Content-Type": "text/html"}
        answer.body = b"<html><body>try later</body></html>"

    return fault


def retry_date(seconds):
    """An HTTP date so far from now; dates have whole seconds, and this one is never early."""
    return email.utils.formatdate(int(time.time()) + seconds + 1, usegmt=True)


def seconds_until(date):
    """From now to an HTTP date."""
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


def truncate(answer):
    answer.length = len(answer.body) + 1
    answer.body = answer.body[:len(answer.body) // 2]


def inflate(answer):
    """Two megabytes of white space do JSON no harm."""
    answer.body = b" " * (2 << 20) + answer.body


def endless(answer):
    """A slow loris: a byte each 5 s."""
    answer.pace = 5


def as_html(answer):
    answer.headers["Content-Type"] = "text/html"


def without(header):
    def fault(answer):
        answer.headers = {k: v for k, v in answer.headers.items() if k.lower() != header}

    return fault


def not_json(answer):
    answer.body = b'{"status": "pending", '


def empty(answer):
    answer.body = b""


def reset(_answer):
    raise Reset


# ---- where and when

class Fault:
    """A fault at a place. early: the request never reaches the CA; else the CA has done what was asked. It happens
    `times` times; hits: the monotonic times when it did."""

    def __init__(self, proxy, place, fault, early=False, times=1):
        self.proxy, self.place, self.fault, self.early, self.times = proxy, place, fault, early, times
        self.hits = []
        self.lock = threading.Lock()
        if early:
            proxy.before = self.before
        else:
            proxy.change = self.change

    def _due(self, seen):
        with self.lock:
            if place_of(seen) != self.place or len(self.hits) >= self.times:
                return False
            self.hits.append(time.monotonic())
            return True

    def before(self, seen):
        if not self._due(seen):
            return None
        answer = Answer(200, {"Content-Type": "application/json"}, b"{}")
        self.fault(answer)
        return answer

    def change(self, seen, answer):
        if self._due(seen):
            self.fault(answer)


class ResetAt:
    """A reset at the request of that number, before the CA sees it (early) or when it has answered; hit: what for."""

    def __init__(self, proxy, number, early):
        self.number, self.early, self.count, self.hit = number, early, 0, None
        self.lock = threading.Lock()
        proxy.before, proxy.after = self.before, self.after
        self.doomed = None

    def before(self, seen):
        with self.lock:
            self.count += 1
            if self.count == self.number:
                self.doomed, self.hit = seen, place_of(seen)
                if self.early:
                    raise Reset

    def after(self, seen):
        if seen is self.doomed:
            raise Reset
