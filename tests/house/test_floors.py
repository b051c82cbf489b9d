# SPDX-License-Identifier: Apache-2.0
"""The floor plan in host/meson.build holds: nobody includes upward or sideways, the host knows no
plugin and no test, plugins and examples stand on the SDK alone, and a third-party library is met in
the rooms that list it."""
import ast
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
LIBRARY_OF_HEADER = {
    "curl/": "curl_dep",
    "sqlite3": "sqlite_dep",
    "ini.h": "inih_dep",
    "uv.h": "uv_dep",
    "jansson": "jansson_dep",
    "sodium": "sodium_dep",
    "ffi": "ffi_dep",
    "jq.h": "jq_dep",
    "jv.h": "jq_dep",
}


def floor_plan():
    """name -> (rooms below, libraries), read from the very list that meson builds from."""
    text = (TOP / "host/meson.build").read_text()
    body = re.search(r"^rooms = (\[.*?^\])", text, re.S | re.M).group(1)
    body = re.sub(r"\b(\w+_dep)\b", r"'\1'", body)
    return {name: (set(below), set(libraries)) for name, below, libraries in ast.literal_eval(body)}


ROOMS = floor_plan()


def everything_below(room):
    found = set()
    todo = [room]
    while todo:
        for name in ROOMS[todo.pop()][0]:
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def libraries_of(room):
    return set().union(*(ROOMS[name][1] for name in everything_below(room) | {room}))


def includes(path):
    for match in INCLUDE.finditer(path.read_text(encoding="utf-8")):
        yield match.group(1), match.group(2)


def sources(folder):
    return sorted(path for ending in ("*.c", "*.h", "*.cpp") for path in folder.rglob(ending))


def complaints_of_host_file(path, room):
    allowed = everything_below(room) | {room}
    for mark, name in includes(path):
        where = "%s includes %s%s" % (path.relative_to(TOP), mark, name)
        first = name.split("/")[0]
        if mark == '"':
            if "/" not in name:
                yield '%s: our includes carry the room: "%s/%s"' % (where, room, name)
            elif first not in ROOMS:
                yield "%s: '%s' is no room of host/meson.build" % (where, first)
            elif first not in allowed:
                yield "%s: room '%s' stands on %s only" % (
                    where,
                    room,
                    ", ".join(sorted(allowed - {room})) or "nothing",
                )
        for start, library in LIBRARY_OF_HEADER.items():
            if mark == "<" and name.startswith(start) and library not in libraries_of(room):
                yield "%s: room '%s' does not list %s in host/meson.build" % (where, room, library)


def test_plan_has_no_loop_and_every_folder_is_a_room():
    for room in ROOMS:
        assert room not in everything_below(room), "room '%s' stands on itself" % room
    folders = {
        path.name
        for path in (TOP / "host").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_room_includes_downward_only(room):
    complaints = [
        words
        for path in sources(TOP / "host" / room)
        for words in complaints_of_host_file(path, room)
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_unit_test_stands_on_its_room_and_below(room):
    allowed = everything_below(room) | {room}
    complaints = []
    for path in sources(TOP / "tests/unit" / room):
        for mark, name in includes(path):
            first = name.split("/")[0]
            if mark == '"' and first in ROOMS and first not in allowed:
                complaints.append("%s includes %s" % (path.relative_to(TOP), name))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("folder", ["plugins", "examples"])
def test_plugins_and_examples_stand_on_the_sdk_alone(folder):
    complaints = []
    for path in sources(TOP / folder):
        for mark, name in includes(path):
            beside = path.parent / name
            if mark == '"' and not (
                beside.exists() and beside.resolve().parent == path.parent.resolve()
            ):
                complaints.append(
                    '%s includes "%s": not a file of its own folder' % (path.relative_to(TOP), name)
                )
    assert not complaints, "\n".join(complaints)


def test_sdk_needs_nothing_of_ours():
    for path in sources(TOP / "sdk/include"):
        for mark, name in includes(path):
            assert (
                mark == "<" and "/" not in name or name.startswith("tenon/")
            ), "%s includes %s" % (path, name)


def test_a_wrong_include_is_caught(tmp_path, monkeypatch):
    """The guard itself: an upward, a sideways, an unknown and a bare include are each refused."""
    for name in ("engine/engine.h", "http/http_client.h", "tests/unit/x.h", "store.h"):
        folder = TOP / "host/store"
        path = tmp_path / "probe.c"
        path.write_text('#include "%s"\n' % name)
        monkeypatch.setattr("pathlib.Path.relative_to", lambda self, *_: self)
        assert list(complaints_of_host_file(path, folder.name)), name
