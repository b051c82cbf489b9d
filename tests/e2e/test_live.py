# SPDX-License-Identifier: Apache-2.0
"""/ws: what happens is told as it happens, to who asked for it, and to nobody's harm."""
import json
import pathlib
import socket
import struct

import pytest
from daemon import SANITIZED, wait_for
from live import Live


@pytest.fixture(autouse=True)
def ends_in_order(tenon):
    yield
    if tenon.is_running():
        assert tenon.stop() == 0


@pytest.fixture
def hook(tenon, receiver):
    tenon.webhook("hook", receiver.url("/"))
    tenon.start()
    return tenon


def is_status(state, name="hook"):
    return lambda m: m.get("topic") == "status" and (m["integration"], m["state"]) == (name, state)


def test_tells_states_and_their_changes(hook, receiver):
    live = Live(hook)
    assert live.status == 101
    assert live.subscribe(topics=["status"])["topics"] == ["status"]
    first = live.hear()
    assert first["topic"] == "status" and first["integration"] == "hook"
    assert first["state"] == "active" and first["well"] is True
    hook.cli("integration", "deactivate", "hook")
    heard = live.hear_until(is_status("inactive"))
    assert "deactivated by" in heard[-1]["words"] and heard[-1]["well"] is False
    hook.webhook("more", receiver.url("/"))
    hook.cli("reload")
    live.hear_until(is_status("active", "more"))
    (hook.conf / "more.ini").unlink()
    hook.cli("reload")
    live.hear_until(is_status("removed", "more"))


def test_tells_what_became_of_records(hook, receiver):
    live = Live(hook)
    live.subscribe(topics=["submissions"])
    hook.add({"id": "one"})
    told = live.hear()
    assert told["topic"] == "submissions" and told["integration"] == "hook"
    assert told["stage"] == "verdict" and "one" in json.dumps(told)
    assert told["state"] == "succeeded", told


def test_tells_signals_by_pattern(hook):
    live = Live(hook)
    live.subscribe(topics=["signals"], pattern="entity.*")
    hook.add({"id": "one"})
    told = live.hear()
    assert told["topic"] == "signals" and told["type"] == "entity.created"
    assert told["entity"] == "one" and told["entity_type"] == "event" and told["sender"] == "tenon"
    assert told["seq"] > 0 and told["at"]
    live.subscribe(topics=["signals"], pattern="entity.deleted")
    hook.add({"id": "two"})
    hook.call("DELETE", "/api/v1/entities/one")
    assert live.hear()["type"] == "entity.deleted"


def test_a_filter_by_integration(hook, receiver):
    hook.webhook("other", receiver.url("/other"))
    hook.cli("reload")
    live = Live(hook)
    live.subscribe(topics=["status", "submissions"], integrations=["other"])
    assert live.hear()["integration"] == "other"
    hook.add({"id": "one"})
    assert live.hear()["integration"] == "other"
    live.say(type="unsubscribe")
    assert live.hear()["topics"] == []
    hook.add({"id": "two"})
    wait_for(lambda: hook.states("other").get("succeeded") == 2, "the delivery")
    live.say(type="ping")
    assert live.hear() == {"type": "pong"}


def test_mistakes_are_told_and_cost_nothing(hook):
    live = Live(hook)
    for message, word in (
        (b"{", "expected"),
        (b"[]", "object"),
        (b"{}", "subscribe"),
        (b'{"type":"dance"}', "subscribe"),
        (b'{"type":"subscribe","topics":["all"]}', "topics"),
        (b'{"type":"subscribe","topics":[]}', "topics"),
        (b'{"type":"subscribe","topics":"status"}', "topics"),
        (b'{"type":"subscribe","integrations":[]}', "integrations"),
        (b'{"type":"subscribe","integrations":["a,b"]}', "integrations"),
        (b'{"type":"subscribe","integrations":[1]}', "integrations"),
        (b'{"type":"subscribe","pattern":"a..b"}', ""),
        (b'{"type":"subscribe","pattern":7}', "pattern"),
        (json.dumps({"type": "subscribe", "integrations": ["x"] * 100}).encode(), "64"),
    ):
        live.frame(0x81, message)
        answer = live.hear()
        assert answer["type"] == "error" and word in answer["detail"], (message, answer)
    assert len(live.subscribe()["topics"]) == 3


@pytest.mark.parametrize(
    "first, payload, code",
    [(0x82, b"binary", 1003), (0x80, b"", 1002), (0x81, b"\xff", 1007), (0xC1, b"x", 1002),
     (0x81, b"x" * 65537, 1009)],
)
def test_broken_rules_close_it_with_a_code(hook, first, payload, code):
    live = Live(hook)
    live.frame(first, payload)
    head, reason = live.read_frame()
    assert head == 0x88 and struct.unpack(">H", reason[:2])[0] == code
    with pytest.raises((EOFError, ConnectionError)):
        live.read_frame()
    assert hook.get("/health").status == 200


def test_only_who_may_hears(hook, receiver):
    hook.webhook("other", receiver.url("/other"))
    hook.cli("reload")
    run = hook.cli("token", "create", "one", "--scope", "read:other")
    bearer = "Authorization: Bearer %s\r\n" % run.stdout.strip()
    assert Live(hook, port=hook.port).status == 401
    live = Live(hook, port=hook.port, headers=bearer)
    assert live.status == 101
    live.subscribe()
    assert live.hear()["integration"] == "other"
    hook.add({"id": "one"})
    told = live.hear()
    assert told["topic"] == "submissions" and told["integration"] == "other"
    hook.cli("token", "revoke", "one")
    assert live.read_frame()[0] == 0x88


def test_a_page_from_elsewhere_does_not(hook):
    answer = Live(hook, port=hook.port, headers="Origin: https://evil.example\r\n")
    assert answer.status == 403
    assert hook.get("/ws").status == 426
    assert "websocket" in hook.get("/ws").headers["upgrade"]


def test_who_does_not_read_loses_and_is_told(hook):
    live = Live(hook)
    live.subscribe(topics=["signals"], pattern="entity.*")
    for batch in range(20):
        hook.add(*({"id": "%d-%d" % (batch, i)} for i in range(500)))
    signals = []
    lost = 0
    while len(signals) + lost < 10000:
        message = live.hear()
        if message["topic"] == "lost":
            lost += message["events"]
        else:
            signals.append(message["seq"])
    assert lost > 0 and signals == sorted(signals)
    # What comes once there is room is heard again.
    for attempt in range(100):
        name = "last-%d" % attempt
        hook.add({"id": name})
        heard = live.hear_until(lambda m: m["topic"] == "lost" or m.get("entity") == name)
        if heard[-1]["topic"] == "signals":
            return
    raise AssertionError("nothing is heard again")


def test_who_pings_and_does_not_read_is_not_kept_answers(hook):
    live = Live(hook)
    ping = struct.pack(">BB", 0x89, 0x80 | 125) + b"\0\0\0\0" + b"x" * 125
    for _ in range(64):
        live.socket.sendall(ping * 4000)  # 32 MiB in all
    live.say(type="ping")
    pongs = len(live.kept)
    live.socket.settimeout(5)
    with pytest.raises(TimeoutError):
        while True:
            pongs += len(live.socket.recv(1 << 20))
    assert pongs < 4 << 20, pongs
    live.say(type="ping")
    assert live.hear()["type"] == "pong"


def test_the_end_of_the_daemon_is_told(hook):
    live = Live(hook)
    live.subscribe(topics=["signals"])
    assert hook.stop() == 0
    head, reason = live.read_frame()
    assert head == 0x88 and struct.unpack(">H", reason[:2])[0] == 1001


def pss_kb(pid):
    for line in pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not ours")
def test_a_thousand_idle_ones_cost_little(tenon, receiver):
    """Half of them with nothing asked for, half with everything."""
    hook = tenon
    hook.host_ini(api="max_connections = 2000\n")
    hook.webhook("hook", receiver.url("/"))
    hook.start()
    warm = [Live(hook) for _ in range(3)]
    for live in warm:
        live.subscribe()
    before = pss_kb(hook.process.pid)
    idle = [Live(hook) for _ in range(500)]
    asking = [Live(hook) for _ in range(500)]
    assert {live.status for live in idle + asking} == {101}
    for live in asking:
        live.subscribe()
        assert live.hear()["topic"] == "status"
    cost = pss_kb(hook.process.pid) - before
    text = hook.get("/metrics").body.decode()
    assert "tenon_api_live_connections 1003" in text
    print("1,000 live connections: %d kB" % cost)
    assert cost < 5 * 1024, "%d kB" % cost
    hook.add({"id": "heard"})
    for live in (asking[0], asking[-1]):
        live.hear_until(lambda m: m.get("entity") == "heard" or "heard" in json.dumps(m))
    for live in idle + asking:
        live.close()
    wait_for(
        lambda: "tenon_api_live_connections 3\n" in hook.get("/metrics").body.decode(),
        "their end to be noticed",
    )
