# SPDX-License-Identifier: Apache-2.0
"""The packages of tests/node are the same everywhere, and come from wherever a machine gets its
own."""
import json
import pathlib
import re

NODE = pathlib.Path(__file__).resolve().parents[1] / "node"


def test_versions_are_exact():
    package = json.loads((NODE / "package.json").read_text(encoding="utf-8"))
    loose = {
        name: version
        for name, version in package["dependencies"].items()
        if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    }
    assert not loose
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]


def test_the_lock_names_no_registry():
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    named = [name for name, entry in lock["packages"].items() if "resolved" in entry]
    assert not named
    unsure = [name for name, entry in lock["packages"].items() if name and "integrity" not in entry]
    assert not unsure
