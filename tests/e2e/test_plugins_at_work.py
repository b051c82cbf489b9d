# SPDX-License-Identifier: Apache-2.0
"""The plugins and examples of the tree at their work in a real daemon: ticketfairy against a shop,
archive on the disk, hello and poster over HTTP, copier into a Unix socket."""
import json
import shutil
import socket
import threading

import pytest

from daemon import BUILD, wait_for


@pytest.fixture
def with_examples(tenon):
    folder = tenon.folder / "examples"
    folder.mkdir(mode=0o755)
    for path in (BUILD / "examples").glob("*.so"):
        shutil.copy(path, folder / path.name)
        (folder / path.name).chmod(0o755)
    tenon.host_ini(plugins=[folder])
    return tenon


def http_ini(plugin, receiver, more=""):
    base = receiver.url("")
    return "[integration]\nplugin = %s\nbase_url = %s\n%s" % (plugin, base, more)


def states(tenon, integration, count):
    wait_for(
        lambda: sum(tenon.states(integration).values()) == count
        and not {"in_flight", "pending", "retrying"} & set(tenon.states(integration)),
        "%d submissions of %s to end" % (count, integration),
    )
    return {row["entity"]: row for row in tenon.submissions(integration=integration)}


EVENT = {"title": "Concert", "start": "2026-12-02T19:00:00Z", "price": {"amount": 12.5}}


def test_ticketfairy_creates_updates_and_tells_why_not(tenon, receiver):
    def shop(exchange):
        if b"refused" in exchange["body"]:
            return 422, {}, b'{"errors":{"name":"is not allowed"}}'
        return 201, {}, b'{"id":"tf-77"}'

    receiver.answer = shop
    tenon.ini(
        "shop",
        http_ini("ticketfairy", receiver, "[select]\nselector = unsubmitted\ntype = event\n"),
    )
    tenon.start()
    tenon.add(
        {"id": "good", **EVENT},
        {"id": "nameless", "start": EVENT["start"]},
        {"id": "bad", **EVENT, "title": "refused"},
    )
    rows = states(tenon, "shop", 3)
    assert {name: row["state"] for name, row in rows.items()} == {
        "good": "succeeded",
        "nameless": "skipped",
        "bad": "failed",
    }
    assert rows["good"]["external_id"] == "tf-77"
    assert "title" in rows["nameless"]["reason"]
    assert "is not allowed" in rows["bad"]["reason"]
    sent = json.loads(receiver.exchanges[0]["body"])
    assert sent["tickets"][0]["price_cents"] == 1250


def test_archive_appends_each_record_once(tenon):
    folder = tenon.folder / "archive"
    folder.mkdir()
    tenon.ini(
        "keep",
        "[integration]\nplugin = archive\nallow_paths = %s\n[settings]\ndirectory = %s\n"
        % (folder, folder),
    )
    tenon.start()
    tenon.add(*({"id": "r-%d" % number} for number in range(50)))
    rows = states(tenon, "keep", 50)
    assert {row["state"] for row in rows.values()} == {"succeeded"}
    lines = "".join(path.read_text() for path in sorted(folder.iterdir())).splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(rows)


def test_hello_and_poster_reach_a_service(with_examples, receiver):
    for name in ("hello", "poster"):
        with_examples.ini(name, http_ini(name, receiver))
    with_examples.start()
    with_examples.add({"id": "a", "n": 1})
    for name in ("hello", "poster"):
        assert states(with_examples, name, 1)["a"]["state"] == "succeeded"
    bodies = [json.loads(exchange["body"]) for exchange in receiver.exchanges]
    assert {"id": "a", "n": 1} in bodies
    assert {"hello": {"id": "a", "n": 1}} in bodies


def serve_lines(listener, seen):
    """Takes every record but those that say no."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer, peer.makefile("rb") as lines:
            for line in lines:
                seen.append(json.loads(line))
                peer.sendall(b"-no\n" if seen[-1].get("refuse") else b"+\n")


def test_copier_speaks_its_own_protocol(with_examples):
    path = with_examples.folder / "peer.sock"
    seen = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)
        threading.Thread(target=serve_lines, args=(listener, seen), daemon=True).start()
        with_examples.ini(
            "copy",
            "[integration]\nplugin = copier\nallow_net = yes\nallow_paths = %s\n[settings]\n"
            "socket = %s\n" % (with_examples.folder, path),
        )
        with_examples.start()
        with_examples.add(
            *({"id": "c-%d" % number, "refuse": number == 3} for number in range(20))
        )
        rows = states(with_examples, "copy", 20)
        assert rows.pop("c-3")["state"] == "failed"
        assert {row["state"] for row in rows.values()} == {"succeeded"}
        assert len(seen) == 20
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_at_a_plugins_own_peer_costs_few_tries(with_examples):
    path = with_examples.folder / "peer.sock"
    seen = []
    with_examples.ini(
        "copy",
        "[integration]\nplugin = copier\nallow_net = yes\nallow_paths = %s\n[settings]\n"
        "socket = %s\n[retry]\nbase = 50ms\nmax = 400ms\n"
        "[breaker]\nopen = 200ms\nopen_max = 400ms\n[rate_limit]\nrate = 1000/s\n"
        % (with_examples.folder, path),
    )
    with_examples.start()
    with_examples.add(*({"id": "c-%d" % number} for number in range(600)))
    wait_for(
        lambda: with_examples.integration("copy").get("limits", {}).get("breaker_openings", 0) >= 3,
        "the breaker to open a few times",
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)
        threading.Thread(target=serve_lines, args=(listener, seen), daemon=True).start()
        rows = states(with_examples, "copy", 600)
        assert {row["state"] for row in rows.values()} == {"succeeded"}
        assert len(seen) == 600
        shown = with_examples.integration("copy")["limits"]
        tries = sum(row["attempts"] for row in rows.values())
        assert tries <= 600 + 5 + 3 * shown["breaker_openings"], (tries, shown)
        listener.shutdown(socket.SHUT_RDWR)
