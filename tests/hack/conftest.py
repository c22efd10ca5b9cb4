# SPDX-License-Identifier: Apache-2.0
"""The scripts of hack/ on small trees made for each test."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a make above these tests says is not for the makes below them.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "T", "ROOMS", "CERTROLL_DEADLINE", "CERTROLL_TEST_FULL", "CI"):
    os.environ.pop(name, None)


class Tree:
    """A source tree in a temporary folder."""

    def __init__(self, path):
        self.path = path

    def write(self, name, text="", mode=0o644):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def take(self, *names):
        """Copies these files or folders of the repository."""
        for name in names:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target)
            else:
                shutil.copy2(ROOT / name, target)

    def run(self, *command, **variables):
        """Exit code, and both outputs as one text."""
        done = subprocess.run([str(word) for word in command], cwd=self.path, env={**os.environ, **variables}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def gate(self, name, **variables):
        return self.run(ROOT / "hack" / f"check-{name}", self.path, **variables)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)
