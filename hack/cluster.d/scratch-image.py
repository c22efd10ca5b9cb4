#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write an image of one static program to standard output, as `docker save` would.

usage: scratch-image.py [--applets] NAME:TAG PROGRAM PATH-IN-IMAGE
--applets: also link every name that `PROGRAM --list` prints into its folder (busybox)
"""
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile


def add(archive, name, data=b"", link=None, folder=False):
    """One entry; times are 0 so that the same input is the same image."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o755
    if folder:
        entry.type = tarfile.DIRTYPE
        entry.mode = 0o1777 if name == "tmp" else 0o755
    if link:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    archive.addfile(entry, io.BytesIO(data))


def layer(program, path, names):
    out = io.BytesIO()
    folder = os.path.dirname(path).strip("/")
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in filter(None, ["tmp", "etc", folder]):
            add(archive, name, folder=True)
        with open(program, "rb") as file:
            add(archive, path.strip("/"), file.read())
        for name in names:
            add(archive, f"{folder}/{name}", link=os.path.basename(path))
    return out.getvalue()


def main():
    args = sys.argv[1:]
    applets = args[:1] == ["--applets"]
    tag, program, path = args[applets:]
    names = []
    if applets:
        listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
        names = [n for n in listed.stdout.split() if n != os.path.basename(path)]
    data = layer(program, path, names)
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"] if applets else [path], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]},
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, content in (("layer.tar", data), (config_name, config), ("manifest.json", manifest)):
            add(archive, name, content)


main()
