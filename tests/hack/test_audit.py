# SPDX-License-Identifier: Apache-2.0
"""The reader of the API server's audit log, an oracle of many tests: no entry lost, none read in part."""
import json

import pytest

from lib import audit


def line(name, decision="allow", padding=0):
    return json.dumps({
        "stage": "ResponseComplete", "verb": "get", "user": {"username": "u"}, "stageTimestamp": "2026-01-01T00:00:00Z",
        "objectRef": {"resource": "pods", "name": name}, "userAgent": "x" * padding,
        "annotations": {"authorization.k8s.io/decision": decision}}).encode() + b"\n"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "audit.jsonl"


def names(reader):
    return [entry.name for entry in reader.entries()]


def append(log, data):
    with log.open("ab") as file:
        file.write(data)


def test_a_line_that_is_written_at_the_mark_comes_after_it(log):
    """A file of the kernel shows a long write page by page: half of the looks at one that is busy fall into a line."""
    half = line("half", "forbid", 6000)
    for cut in (1, 4096, len(half) - 1):
        log.write_bytes(line("before") + half[:cut])
        reader = audit.Audit(log, "u")
        assert names(reader) == [], cut
        append(log, half[cut:] + line("after"))
        assert names(reader) == ["half", "after"], cut
        assert [entry.name for entry in reader.refused()] == ["half"]


def test_what_was_whole_at_the_mark_is_not_told_again(log):
    log.write_bytes(line("before") * (audit.LONGEST // len(line("before")) + 2))
    reader = audit.Audit(log, "u")
    append(log, line("after"))
    assert names(reader) == ["after"]


def test_a_log_that_does_not_exist_yet_is_read_from_its_beginning(log):
    reader = audit.Audit(log, "u")
    log.write_bytes(line("first"))
    assert names(reader) == ["first"]
