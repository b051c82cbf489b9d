# SPDX-License-Identifier: Apache-2.0
"""A record gets to its destination as it should: whole, transformed, in order, once; and `why`
tells all of it."""
import json
import os
import pathlib
import signal

from daemon import TOP, UnixConnection, wait_for


def taken(receiver, count):
    return wait_for(
        lambda: receiver.stats()["records"] >= count and receiver.stats(),
        "%d records at the receiver" % count,
    )


def test_record_reaches_its_destination(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    record = {
        "id": "evt-1",
        "title": 'Grüße aus Köln \u2028 "quoted"',
        "deep": {"list": [1, 2.5, None, True]},
    }
    tenon.add(record)
    taken(receiver, 1)
    exchange = receiver.exchanges[0]
    assert (exchange["method"], exchange["path"]) == ("POST", "/in")
    assert json.loads(exchange["body"]) == record
    assert exchange["headers"]["content-type"] == "application/json"
    row = wait_for(
        lambda: tenon.submissions(integration="hooks", state="succeeded"),
        "the submission to succeed",
    )[0]
    assert (row["entity"], row["attempts"], row["http_status"]) == ("evt-1", 1, 200)
    assert row["idempotency_key"] == exchange["headers"]["idempotency-key"]


def test_array_single_and_ndjson_are_the_same_intake(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    assert tenon.post("/ingest?type=event", '{"id":"a"}').status < 300
    assert tenon.post("/ingest?type=event", '[{"id":"b"},{"id":"c"}]').status < 300
    assert (
        tenon.post(
            "/ingest?type=event", '{"id":"d"}\n\n{"id":"e"}\n', content_type="application/x-ndjson"
        ).status
        < 300
    )
    taken(receiver, 5)
    assert sorted(json.loads(one["body"])["id"] for one in receiver.exchanges) == [
        "a",
        "b",
        "c",
        "d",
        "e",
    ]


def test_jq_transforms_and_where_refuses_with_a_reason(tenon, receiver):
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        select="type = event\nwhere = .price > 10\n",
        more="[transform]\njq = {title: .title, cents: (.price * 100)}\n",
    )
    tenon.start()
    tenon.add({"id": "cheap", "title": "A", "price": 3}, {"id": "dear", "title": "B", "price": 30})
    taken(receiver, 1)
    assert [json.loads(one["body"]) for one in receiver.exchanges] == [
        {"title": "B", "cents": 3000}
    ]
    wait_for(
        lambda: tenon.states("hooks") == {"succeeded": 1, "skipped": 1},
        "one delivered, one skipped",
    )
    words = tenon.why("cheap").body.decode()
    assert ".price > 10" in words or "where" in words, words


def test_other_types_are_not_looked_at_and_why_says_so(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"), select="type = event\n")
    tenon.start()
    tenon.add({"id": "talk-1"}, type="talk")
    tenon.add({"id": "evt-1"}, type="event")
    taken(receiver, 1)
    assert receiver.stats()["requests"] == 1
    answer = tenon.why("talk-1")
    assert answer.status == 200
    assert "talk" in answer.body.decode() and "event" in answer.body.decode(), answer


def test_importing_again_changes_nothing(tenon, receiver):
    """Records without an id of their own: the id is made from the content."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    lines = [json.dumps({"name": "conference %d" % number}) for number in range(50)]
    path = tenon.folder / "records.ndjson"
    path.write_text("\n".join(lines) + "\n")
    tenon.cli("entity", "import", path, "--type", "event")
    taken(receiver, 50)
    before = wait_for(
        lambda: tenon.states("hooks") == {"succeeded": 50} and tenon.submissions(), "50 successes"
    )
    again = tenon.cli("entity", "import", path, "--type", "event")
    assert "50" in again.stdout + again.stderr
    tenon.add({"id": "last", "name": "behind it"})
    taken(receiver, 51)  # lanes have looked at all that came before
    assert receiver.stats()["requests"] == 51
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 51}, "51 successes")
    assert {row["number"] for row in before} <= {row["number"] for row in tenon.submissions()}


def test_order_per_entity(tenon, receiver):
    """Versions of one entity arrive in order, a newer one takes the place of a waiting older one,
    nothing is lost at the end."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    for version in range(1, 61):
        tenon.add(*({"id": "evt-%d" % number, "version": version} for number in range(5)))

    def last_versions():
        seen = {}
        for one in list(receiver.exchanges):
            record = json.loads(one["body"])
            assert record["version"] > seen.get(record["id"], 0), "%s went back" % record
            seen[record["id"]] = record["version"]
        return seen

    wait_for(
        lambda: last_versions() == {"evt-%d" % number: 60 for number in range(5)},
        "version 60 of each entity",
    )


def test_many_records_each_exactly_once(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    for start in range(0, 3000, 500):
        tenon.add(*({"id": "evt-%d" % number} for number in range(start, start + 500)))
    taken(receiver, 3000)
    stats = receiver.stats()
    assert (stats["unique"], stats["duplicates"], stats["refused"]) == (3000, 0, 0)


def priorities(pid):
    """The nice values of a process's threads."""
    threads = pathlib.Path("/proc/%d/task" % pid).glob("*/stat")
    return {int(stat.read_text().rpartition(")")[2].split()[16]) for stat in threads}


def test_deliveries_step_back_while_producers_wait(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "alone"})
    taken(receiver, 1)
    pid = tenon.process.pid
    usual = os.getpriority(os.PRIO_PROCESS, pid)
    assert priorities(pid) == {usual}
    sent = ["alone"]

    def several_come():
        producers = [UnixConnection(str(tenon.socket), 60) for _ in range(48)]
        os.kill(pid, signal.SIGSTOP)  # so that it finds all of them at once
        for producer in producers:
            sent.append("one-%d" % len(sent))
            producer.request("POST", "/ingest?type=event", json.dumps({"id": sent[-1]}))
        os.kill(pid, signal.SIGCONT)
        for producer in producers:
            assert producer.getresponse().status < 300
            producer.close()
        log = (tenon.state / "tenon.db-wal").stat().st_size
        assert log < 4 << 20, "folding in the log steps back, too, and begins at 8 MB"
        return max(priorities(pid)) > usual

    wait_for(several_come, "a thread that steps back")
    taken(receiver, len(sent))
    assert sorted(json.loads(one["body"])["id"] for one in receiver.exchanges) == sorted(sent)


def test_who_comes_while_a_slow_destination_is_busy_is_next(tenon, receiver):
    """Until the first answers nobody knows how slow it is, and more is in hand than it gets through
    soon. Who comes then is not looked for until there is room, and not forgotten either."""
    late_is_in = []

    def answer(_):
        # Those that come first are held for a second, those behind them until the late one is in.
        held_s = 1 if receiver.counters["requests"] <= 16 else None
        receiver.lock.wait_for(lambda: late_is_in, held_s)
        return 200, {}, b"{}"

    receiver.answer = answer
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add(*({"id": "e-%d" % number} for number in range(190)))
    wait_for(lambda: receiver.stats()["requests"] > 16, "the first answers")
    tenon.add({"id": "late"})
    with receiver.lock:
        late_is_in.append(True)
        receiver.lock.notify_all()
    taken(receiver, 191)


def test_batches_carry_each_record_once(tenon, receiver):
    receiver.break_it(count=5)  # so that there is something to gather
    tenon.webhook("hooks", receiver.url("/in"), settings="batch = 50\nformat = ndjson\n")
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(400)))
    wait_for(
        lambda: tenon.get("/api/v1/status").status == 200 and receiver.stats()["records"] >= 400,
        "400 records",
    )
    good = [one for one in receiver.exchanges if one["answer"] == 200]
    ids = [
        json.loads(line)["id"] for one in good for line in one["body"].decode().splitlines() if line
    ]
    assert sorted(ids) == sorted("evt-%d" % number for number in range(400))
    assert max(len(one["body"].decode().splitlines()) for one in good) > 10
    assert all("ndjson" in one["headers"]["content-type"] for one in good)


def test_archive_keeps_every_record(tenon):
    out = tenon.folder / "archive"
    out.mkdir()
    tenon.ini(
        "archive",
        "[integration]\nplugin = archive\nallow_paths = %s\n[settings]\ndirectory = %s\n"
        % (out, out),
    )
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(200)))

    def lines():
        return [line for path in out.iterdir() for line in path.read_text().splitlines()]

    wait_for(lambda: len(lines()) >= 200, "200 lines in the archive")
    assert len(lines()) == 200
    assert all(json.loads(line) for line in lines())


def test_two_integrations_of_one_plugin_are_two_lanes_in_one_worker(tenon, receiver, make_receiver):
    other = make_receiver()
    tenon.webhook("first", receiver.url("/in"))
    tenon.webhook("second", other.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    taken(receiver, 1)
    taken(other, 1)
    assert len(tenon.workers()) == 1


def test_the_real_records(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.cli("entity", "import", TOP / "examples/conferences.ndjson", "--type", "event")
    taken(receiver, 1143)
    sent = sorted(json.dumps(json.loads(one["body"]), sort_keys=True) for one in receiver.exchanges)
    wanted = sorted(
        json.dumps(json.loads(line), sort_keys=True)
        for line in (TOP / "examples/conferences.ndjson").read_text().splitlines()
    )
    assert sent == wanted
