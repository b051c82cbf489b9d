# SPDX-License-Identifier: Apache-2.0
"""What happens can be seen while it happens: log lines that know their integration."""
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time

from daemon import (
    BUILD,
    PATIENCE,
    SANITIZED,
    TOP,
    UnixConnection,
    build_plugin,
    free_port,
    wait_for,
)

PARK = "[retry]\nmax_attempts = 1\n"


def logs(tenon, name, **arguments):
    query = "&".join("%s=%s" % pair for pair in arguments.items())
    answer = tenon.get("/api/v1/integrations/%s/logs?%s" % (name, query))
    assert answer.status == 200, answer
    return answer.json["items"]


def fields_of(line):
    """A logfmt line as a dict, values as they stand."""
    found = {}
    while line:
        name, line = line.split("=", 1)
        if line.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(line)
            line = line[end + 1 :]
        else:
            value, _, line = line.partition(" ")
        found[name] = value
    return found


@contextlib.contextmanager
def following(tenon, *arguments):
    """The client with an answer that goes on; gives its lines as they come."""
    process = subprocess.Popen(
        [str(BUILD / "host/tenon"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TENON_SOCKET": str(tenon.socket)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def read_json(process, wanted, timeout=30):
    """JSON lines of the client until one is wanted; all of them."""
    seen = []
    deadline = time.monotonic() + timeout * PATIENCE
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        assert line, (process.stderr.read(), seen)
        seen.append(json.loads(line))
        if wanted(seen[-1]):
            return seen
    raise AssertionError("waited %g s; came: %r" % (timeout, seen))


# ---- logs --------------------------------------------------------------------------------------


def test_a_failure_is_a_line_of_its_integration(tenon, receiver, make_receiver):
    good = make_receiver()
    receiver.break_it(status=400)
    tenon.webhook("broken", receiver.url("/in"), retry=PARK)
    tenon.webhook("good", good.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.submissions(state="failed"), "the submission to fail")
    wait_for(lambda: tenon.submissions(state="succeeded"), "the other to succeed")
    line = next(one for one in logs(tenon, "broken") if "failed" in one["msg"])
    assert (line["entity"], line["status"], line["level"]) == ("evt-1", 400, "warn")
    assert "integration active" in [one["msg"] for one in logs(tenon, "good")]
    assert not [one for one in logs(tenon, "good") if "failed" in one["msg"]]
    written = [fields_of(one) for one in tenon.log_text().splitlines()]
    assert [one["integration"] for one in written if one["msg"] == line["msg"]] == ["broken"]
    assert " info " not in tenon.cli("integration", "logs", "broken", "--level", "warn").stdout
    shown = tenon.cli("integration", "logs", "broken", "--level", "warn", "-n", "1").stdout
    assert shown.count("\n") == 1 and "entity=evt-1" in shown and "status=400" in shown, shown
    assert tenon.cli("integration", "logs", "broken", "-n", "1", "--since", "10m").stdout == shown
    assert tenon.cli("integration", "logs", "broken", "--since", "0ms").stdout == ""
    missing = tenon.cli("integration", "logs", "brokn", check=False)
    assert missing.returncode == 1 and "perhaps 'broken' was meant" in missing.stderr
    bad = tenon.cli("integration", "logs", "broken", "--level", "loud", check=False)
    assert bad.returncode == 1 and "error, warn, info, debug" in bad.stderr


def test_a_flood_of_failures_is_a_few_lines(tenon, receiver):
    receiver.break_it(status=400)
    tenon.webhook("broken", receiver.url("/in"), retry=PARK)
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(2000)))
    wait_for(lambda: receiver.stats()["requests"] >= 2000, "all to be tried", timeout=60)
    wait_for(
        lambda: tenon.integration("broken")["submissions"]["failed"] == 2000, "all to have failed"
    )
    assert tenon.log_text().count("record failed") < 500
    time.sleep(1.1)  # a later second says what was held back; nothing else makes one
    tenon.add({"id": "one-more"})
    last = wait_for(
        lambda: [one for one in logs(tenon, "broken") if one.get("entity") == "one-more"],
        "the line after them",
    )
    held_back = sum(
        int(fields_of(one).get("held_back", 0)) for one in tenon.log_text().splitlines()
    )
    assert last and tenon.log_text().count("record failed") + held_back == 2001


def test_follow_gives_lines_as_they_come(tenon, receiver):
    receiver.break_it(status=400)
    tenon.webhook("hooks", receiver.url("/in"), retry=PARK)
    tenon.start()
    with following(tenon, "integration", "logs", "hooks", "--follow", "--json") as client:
        seen = read_json(client, lambda line: line["msg"] == "integration active")
        tenon.add({"id": "evt-1"})
        seen += read_json(client, lambda line: line.get("entity") == "evt-1")
        assert [one["time"] for one in seen] == sorted(one["time"] for one in seen)
        assert tenon.stop() == 0  # a follower does not hold the daemon up
        assert client.wait(20 * PATIENCE) == 3
        assert "tenond has stopped" in client.stderr.read()


def test_a_secret_is_in_no_line(tenon, receiver):
    tenon.environment["HOOK_TOKEN"] = "s3cr3t-t0ken-value"
    receiver.break_it(status=400)
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        retry=PARK,
        more="[auth]\ntype = bearer\ntoken = ${env:HOOK_TOKEN}\n",
    )
    tenon.start()
    tenon.add({"id": "s3cr3t-t0ken-value"})
    wait_for(lambda: tenon.submissions(state="failed"), "the submission to fail")
    line = next(one for one in logs(tenon, "hooks") if "failed" in one["msg"])
    assert line["entity"] == "********", line
    assert "s3cr3t" not in json.dumps(logs(tenon, "hooks")) + tenon.log_text()


def test_what_a_plugin_says_is_its_integrations(tenon, receiver):
    """By name through the host; what its worker prints counts for all whom the worker serves."""
    build_plugin(TOP / "tests/e2e/plugins/speaker.c", tenon.folder / "own" / "speaker.so")
    tenon.host_ini(plugins=[tenon.folder / "own"])
    ini = "[integration]\nplugin = speaker\nbase_url = %s\n[select]\ntype = %s\n"
    tenon.ini("one", ini % (receiver.url(""), "event"))
    tenon.ini("two", ini % (receiver.url(""), "other"))
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})

    def said(name):
        return [line.get("message") for line in logs(tenon, name) if line["msg"] == "plugin says"]

    wait_for(lambda: "printed by the way" in said("one"), "the printed line")
    wait_for(lambda: "printed by the way" in said("two"), "the printed line, at the other one")
    assert "evt-1" in said("one") and "evt-1" not in said("two") and said("hooks") == []
    line = next(one for one in logs(tenon, "one") if one.get("message") == "evt-1")
    assert (line["level"], line["plugin"], json.loads(line["fields"])) == (
        "warn",
        "speaker",
        {"n": 1},
    )
    tenon.add({"id": "evt-2"}, {"id": "evt-3"})
    wait_for(lambda: "evt-3" in said("one"), "the third record")
    repeated = next(one for one in logs(tenon, "two") if one.get("message") == "printed by the way")
    wait_for(
        lambda: sum(
            1 + one.get("repeats", 0)
            for one in logs(tenon, "two")
            if one.get("message") == "printed by the way"
        )
        == 3,
        "each printed line to be counted",
    )
    assert repeated["level"] == "info"


def test_what_is_wrong_with_an_ini_is_its_integrations(tenon, receiver):
    tenon.webhook("good", receiver.url("/in"))
    tenon.ini("bad", "[integration]\nplugin = webhook\nbase_url = http://x\n[retry]\nmax = never\n")
    tenon.start()
    lines = logs(tenon, "bad", level="error")
    assert [line["msg"] for line in lines] == ["configuration", "integration not started"], lines
    assert (lines[0]["line"], "max" in lines[0]["error"]) == (5, True), lines[0]
    assert logs(tenon, "good", level="error") == []


def test_the_level_changes_while_running(tenon, receiver):
    receiver.break_it(status=503, count=2)
    tenon.host_ini(log="level = info\n")
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "quiet"})
    wait_for(lambda: receiver.stats()["records"] == 1, "the first record")
    tenon.host_ini(log="level = debug\nform = json\n")
    tenon.cli("reload")
    receiver.break_it(status=503, count=2)
    tenon.add({"id": "loud"})
    wait_for(lambda: receiver.stats()["records"] == 2, "the second record")
    tried = [one["entity"] for one in logs(tenon, "hooks") if "tried again" in one["msg"]]
    assert set(tried) == {"loud"}, tried
    last = json.loads(tenon.log_text().splitlines()[-1])
    assert last["integration"] == "hooks" and last["level"] == "debug"
    assert logs(tenon, "hooks", level="info") != logs(tenon, "hooks")


# ---- journald ----------------------------------------------------------------------------------


class Journal:
    """The journal's side of its native protocol: a datagram socket of the test's own."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(30 * PATIENCE)
        self.entries = []

    def read(self):
        """The next entry; name -> value."""
        data = self.socket.recv(1 << 20)
        found = {}
        while data:
            line, _, data = data.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                size = struct.unpack("<Q", data[:8])[0]
                value, data = data[8 : 8 + size], data[9 + size :]
            found[name.decode()] = value.decode()
        self.entries.append(found)
        return found

    def wait(self, wanted):
        while True:
            entry = self.read()
            if wanted(entry):
                return entry


def test_the_journal_gets_fields(tenon, receiver):
    journal = Journal(tenon.folder / "journal")
    receiver.break_it(status=400)
    tenon.environment["TENON_JOURNAL_SOCKET"] = str(journal.path)
    tenon.host_ini(log="level = info\ntarget = journald\n")
    tenon.webhook("hooks", receiver.url("/in"), retry=PARK)
    tenon.start()
    tenon.add({"id": "evt-1"})
    entry = journal.wait(lambda entry: entry.get("TENON_ENTITY") == "evt-1")
    assert entry["TENON_INTEGRATION"] == "hooks"
    assert entry["PRIORITY"] == "4" and entry["SYSLOG_IDENTIFIER"] == "tenond"
    assert entry["TENON_STATUS"] == "400" and entry["MESSAGE"].startswith("record failed")
    assert tenon.log_text() == ""
    assert "TENON_VERSION" in journal.entries[0] or any(
        "TENON_VERSION" in one for one in journal.entries
    )


def test_without_a_journal_standard_error_gets_the_lines(tenon, receiver):
    tenon.environment["TENON_JOURNAL_SOCKET"] = str(tenon.folder / "nobody")
    tenon.host_ini(log="target = journald\n")
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    assert "log goes to standard error" in tenon.log_text()
    assert str(tenon.folder / "nobody") in tenon.log_text()
    assert "integration active" in tenon.log_text()


# ---- tap ---------------------------------------------------------------------------------------

STAGES = ["claimed", "selected", "transformed", "request", "answer", "verdict"]


def test_tap_shows_a_record_stage_by_stage(tenon, receiver):
    tenon.environment["HOOK_TOKEN"] = "s3cr3t-t0ken-value"
    receiver.break_it(status=503, count=2)  # each of the two records once
    tenon.webhook(
        "hooks", receiver.url("/in"), more="[auth]\ntype = bearer\ntoken = ${env:HOOK_TOKEN}\n"
    )
    tenon.start()
    with following(tenon, "tap", "hooks", "--entity", "evt-1", "--json") as client:
        wait_for(lambda: streams(tenon) == 1, "the tap to be open")
        tenon.add({"id": "evt-0"}, {"id": "evt-1", "note": "the s3cr3t-t0ken-value"})
        seen = read_json(client, lambda line: line.get("state") == "succeeded")
    assert [line["stage"] for line in seen] == STAGES * 2, seen
    assert {line["entity"] for line in seen} == {"evt-1"}
    assert [line["attempt"] for line in seen] == [1] * 6 + [2] * 6
    assert json.loads(seen[2]["payload"])["id"] == "evt-1"
    assert seen[3]["method"] == "POST" and seen[3]["url"] == receiver.url("/in")
    assert seen[3]["headers"]["Authorization"] == "Bearer ********", seen[3]
    assert (seen[4]["http_status"], seen[10]["http_status"]) == (503, 200)
    assert seen[5]["state"] == "retrying" and seen[5]["wait_ms"] >= 0
    assert "s3cr3t" not in json.dumps(seen)
    wait_for(lambda: streams(tenon) == 0, "the tap to be gone with its reader")


def test_a_tap_shows_numbers_as_they_were_written(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    wanted = ["tap", "hooks", "--stage", "answer", "-n", "5"]
    with following(tenon, *wanted) as client, following(tenon, *wanted, "--json") as raw:
        wait_for(lambda: streams(tenon) == 2, "the taps to be open")
        tenon.add(*({"id": "evt-%d" % i} for i in range(5)))
        shown = re.findall(r" duration_ms=(\S+)", client.communicate(timeout=30 * PATIENCE)[0])
        sent = re.findall(r'"duration_ms":([^,}]+)', raw.communicate(timeout=30 * PATIENCE)[0])
    assert len(shown) == 5 and shown == sent


def streams(tenon):
    """How many live views are open."""
    return int(figure(tenon, "tenon_api_streams"))


def figure(tenon, name):
    """One line of /metrics by its name and labels."""
    for line in tenon.get("/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError("there is no '%s' in /metrics" % name)


def test_tap_names_who_refused(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"), select="type = event\nwhere = .price > 10\n")
    tenon.start()
    with following(tenon, "tap", "hooks", "-n", "3", "--stage", "refused,verdict") as client:
        wait_for(lambda: streams(tenon) == 1, "the tap to be open")
        tenon.add({"id": "cheap", "price": 1})
        wait_for(lambda: tenon.submissions(state="skipped"), "the record to be skipped")
        tenon.add({"id": "dear", "price": 11})
        assert client.wait(20 * PATIENCE) == 0
        first, second, third = client.stdout.read().splitlines()
    assert " refused     cheap v1 #1.1" in first and 'by="selector"' in first, first
    assert " verdict     cheap v1 #1.1" in second and 'state="skipped"' in second, second
    assert " verdict     dear v1 #2.1" in third and 'state="succeeded"' in third, third
    bad = tenon.cli("tap", "hooks", "--stage", "nonsense", check=False)
    assert bad.returncode == 1 and "claimed, refused" in bad.stderr


def test_a_tap_outlives_the_lane(tenon, receiver):
    """A changed ini makes a new lane: who taps the integration goes on seeing it."""
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    with following(tenon, "tap", "hooks", "--json", "--stage", "request,verdict") as client:
        wait_for(lambda: streams(tenon) == 1, "the tap to be open")
        tenon.add({"id": "before"})
        read_json(client, lambda line: line.get("state") == "succeeded")
        tenon.webhook("hooks", receiver.url("/elsewhere"))
        tenon.cli("reload")
        tenon.add({"id": "after"})
        seen = read_json(client, lambda line: line.get("state") == "succeeded")
    assert [line["entity"] for line in seen] == ["after", "after"]
    assert seen[0]["url"] == receiver.url("/elsewhere")


def test_many_may_look_on_and_all_see_the_same(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    taps = [UnixConnection(str(tenon.socket), 30 * PATIENCE) for _ in range(64)]
    for one in taps:
        one.request("GET", "/api/v1/integrations/hooks/tap?limit=6")
    answers = [one.getresponse() for one in taps]
    assert {one.status for one in answers} == {200}
    refused = tenon.get("/api/v1/integrations/hooks/tap")
    assert (refused.status, refused.json["code"]) == (503, "too_many_streams")
    tenon.add({"id": "evt-1"})
    seen = [one.read() for one in answers]  # each ends by its limit
    for one in taps:
        one.close()
    assert [json.loads(line)["stage"] for line in seen[0].splitlines()] == STAGES
    assert len(set(seen)) == 1
    wait_for(lambda: streams(tenon) == 0, "all to be gone")
    assert tenon.cli("tap", "nobody", check=False).returncode == 1


def rss_kb(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_stalled_tapper_costs_lines_not_records(tenon, receiver):
    """It does not read: delivery goes on, memory does not grow with what it missed, and when it
    reads again it learns how much that was, to the line."""
    records = 20000
    receiver.mend()
    tenon.host_ini(log="level = info\n")
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "warm-up"})
    wait_for(lambda: tenon.submissions(state="succeeded"), "the first record to be settled")
    stalled = UnixConnection(str(tenon.socket), 60 * PATIENCE)
    stalled.request("GET", "/api/v1/integrations/hooks/tap")
    response = stalled.getresponse()
    before = rss_kb(tenon.process.pid)
    for start in range(0, records, 1000):
        tenon.add(*({"id": "evt-%d" % n, "text": "x" * 400} for n in range(start, start + 1000)))
    wait_for(
        lambda: receiver.stats()["records"] == records + 1, "all records to arrive", timeout=120
    )
    # A sanitizer keeps what was freed.
    assert SANITIZED or rss_kb(tenon.process.pid) - before < 32 * 1024
    wait_for(
        lambda: tenon.integration("hooks")["submissions"].get("succeeded") == records + 1,
        "all to be settled",
    )
    told = lost = 0
    for raw in response:
        line = json.loads(raw)
        lost += line.get("lines", 0)
        told += line["stage"] != "lost"
        if told + lost >= records * len(STAGES):
            break
    stalled.close()
    assert told + lost == records * len(STAGES), (told, lost)
    assert lost > 0


# ---- metrics -----------------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? ([0-9.eE+-]+|\+Inf|NaN)" % (NAME, LABEL, LABEL))


def parse_metrics(text):
    """Prometheus' text form, strictly: (name, labels) -> value, and what each family is."""
    assert text.endswith("\n")
    kinds, helps, samples, order = {}, set(), {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert name not in helps and words.endswith("."), line
            helps.add(name)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name in helps and name not in kinds, line
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            family = name
            if name not in kinds:
                family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert kinds.get(family) in ("counter", "gauge", "histogram"), line
            assert family == name or kinds[family] == "histogram", line
            if not order or order[-1] != family:
                assert family not in order, "%s stands in two places" % family
                order.append(family)
            key = (name, labels or "")
            assert key not in samples, line
            samples[key] = float(value.replace("+Inf", "inf"))
    return kinds, samples


def metrics(tenon):
    answer = tenon.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse_metrics(answer.body.decode())


def test_metrics_keep_to_the_rules(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.webhook("other", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: len(tenon.submissions(state="succeeded")) == 2, "both to succeed")
    text = tenon.get("/metrics").body.decode()
    kinds, samples = parse_metrics(text)
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|us|milliseconds|kb|mb|info_total)(_|$)", name), name
    buckets = {}
    for (name, labels), value in samples.items():
        if name.endswith("_bucket"):
            rest, bound = re.fullmatch(r'(.*?),?le="([^"]+)"', labels).groups()
            buckets.setdefault((name[:-7], rest), []).append((float(bound), value))
    assert len(buckets) >= 5
    for (name, rest), rows in buckets.items():
        assert rows == sorted(rows) and rows[-1][0] == float("inf"), name
        assert [value for _, value in rows] == sorted(value for _, value in rows), name
        assert samples[(name + "_count", rest)] == rows[-1][1]
        assert (name + "_sum", rest) in samples
    if shutil.which("promtool"):
        check = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert check.returncode == 0 and check.stderr + check.stdout == "", check


def test_histograms_move_by_what_happened(tenon, receiver):
    receiver.break_it(status=503, count=2)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    hooks = 'integration="hooks"'
    _, before = metrics(tenon)
    tenon.add({"id": "evt-1"}, {"id": "evt-2"}, {"id": "evt-3"})
    wait_for(lambda: len(tenon.submissions(state="succeeded")) == 3, "all to succeed")
    _, after = metrics(tenon)

    def moved(name, labels=""):
        return after[(name, labels)] - before[(name, labels)]

    assert moved("tenon_request_duration_seconds_count", hooks) == 5
    assert 0 < moved("tenon_request_duration_seconds_sum", hooks) < 60
    assert moved("tenon_records_total", hooks + ',verdict="accepted"') == 3
    assert moved("tenon_records_total", hooks + ',verdict="retried"') == 2
    assert moved("tenon_attempt_errors_total", hooks + ',class="server"') == 2
    assert moved("tenon_intake_duration_seconds_count") == 1
    assert moved("tenon_intake_batch_records_count") == 1
    assert moved("tenon_intake_batch_records_sum") == 3
    assert moved("tenon_intake_batch_records_bucket", 'le="2"') == 0
    assert moved("tenon_intake_batch_records_bucket", 'le="5"') == 1
    assert moved("tenon_store_commit_duration_seconds_count") == moved("tenon_store_commits_total")
    assert after[("tenon_queue_overdue_seconds", hooks)] == 0


def test_what_waits_too_long_is_told(tenon):
    """Nobody listens there: the lane pauses, and what is due meanwhile is late."""
    nobody = "http://127.0.0.1:%d/in" % free_port()
    tenon.webhook("hooks", nobody, retry="[retry]\nbase = 1ms\nmax = 1ms\nmax_attempts = 100\n")
    tenon.start()
    tenon.add({"id": "evt-1"})
    overdue = ("tenon_queue_overdue_seconds", 'integration="hooks"')
    wait_for(lambda: metrics(tenon)[1][overdue] > 0.1, "something to be overdue")
    wait_for(lambda: tenon.integration("hooks").get("paused_until"), "a pause")
    tenon.add(*({"id": "evt-%d" % number} for number in range(2, 3000)))
    backlog, age = (
        ("tenon_backlog_" + one, 'integration="hooks"') for one in ("entities", "age_seconds")
    )
    wait_for(lambda: metrics(tenon)[1][age] > 0.1, "records that nobody has looked at")
    assert metrics(tenon)[1][backlog] > 0
    assert tenon.integration("hooks")["backlog_since"]
    assert ", the first changed " in tenon.cli("integration", "show", "hooks").stdout


# ---- traces ------------------------------------------------------------------------------------

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "00-%s-b7ad6b7169203331-01" % TRACE


def add_traced(tenon, parent, *records, **headers):
    answer = tenon.post(
        "/api/v1/entities?type=event",
        "\n".join(json.dumps(record) for record in records),
        content_type="application/x-ndjson",
        headers={"traceparent": parent, **headers},
    )
    assert answer.status in (200, 201), answer


def test_a_trace_goes_from_intake_to_the_destination(tenon, receiver):
    """The same trace id, a new span for each attempt; and it can be asked for."""
    receiver.break_it(status=500, count=1)
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    add_traced(tenon, PARENT, {"id": "evt-1"}, tracestate="congo=t61rcWkgMzE")
    row = wait_for(lambda: tenon.submissions(state="succeeded"), "the submission to succeed")[0]
    sent = [one["headers"] for one in receiver.exchanges]
    assert len(sent) == 2
    spans = [re.fullmatch("00-%s-([0-9a-f]{16})-01" % TRACE, one["traceparent"])[1] for one in sent]
    assert len({*spans, "b7ad6b7169203331"}) == 3, spans
    assert {one["tracestate"] for one in sent} == {"congo=t61rcWkgMzE"}
    shown = tenon.get("/api/v1/submissions/%d" % row["number"]).json
    assert shown["trace_id"] == TRACE
    assert [(one["trace_id"], one["span_id"]) for one in shown["history"]] == [
        (TRACE, span) for span in spans
    ]
    assert tenon.why("evt-1").json["entity"]["trace_id"] == TRACE
    for words in (("why", "evt-1"), ("submission", "show", row["number"])):
        told = tenon.cli(*words).stdout
        assert all("trace %s span %s" % (TRACE, span) in told for span in spans), told


def test_no_trace_is_made_up(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    add_traced(tenon, "00-not-a-trace-01", {"id": "evt-2"}, tracestate="a=1")
    wait_for(lambda: len(tenon.submissions(state="succeeded")) == 2, "both to succeed")
    for one in receiver.exchanges:
        assert "traceparent" not in one["headers"] and "tracestate" not in one["headers"]
    assert "trace_id" not in tenon.why("evt-2").json["entity"]


def test_a_request_of_several_traces_has_none(tenon, receiver):
    """Records in one request: of one trace, it is that trace's; of several, it is nobody's."""
    other = "00-1bf7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01"
    receiver.break_it(status=503, retry_after=1)
    tenon.webhook("hooks", receiver.url("/in"), settings="batch = 10\n")
    tenon.start()
    tenon.add({"id": "first"})  # its answer pauses the lane, so that the others go together
    wait_for(lambda: tenon.integration("hooks").get("paused_until"), "the lane to pause")
    add_traced(tenon, PARENT, {"id": "a"}, {"id": "b"})
    add_traced(tenon, other, {"id": "c"})
    receiver.mend()
    wait_for(lambda: len(tenon.submissions(state="succeeded")) == 4, "all to succeed")
    mixed = next(one for one in receiver.exchanges if {"a", "b", "c"} <= ids_in(one))
    assert "traceparent" not in mixed["headers"]
    add_traced(tenon, PARENT, {"id": "d"}, {"id": "e"})
    wait_for(lambda: len(tenon.submissions(state="succeeded")) == 6, "the last two to succeed")
    together = receiver.exchanges[-1]
    assert ids_in(together) == {"d", "e"}
    assert together["headers"]["traceparent"].split("-")[1] == TRACE


def ids_in(exchange):
    records = json.loads(exchange["body"])
    return {one["id"] for one in (records if isinstance(records, list) else [records])}


def test_what_goes_on_ends_with_its_reader(tenon):
    # who reads two lines and goes does not wait for the client to find out by a third
    tenon.start()
    tenon.cli("signal", "publish", "order.paid")
    tenon.cli("signal", "publish", "order.paid")
    for command in ("signal listen '**' --after 0 | head -n 2", "signal listen 'none.*' | true"):
        run = subprocess.run(
            ["sh", "-c", "%s %s" % (BUILD / "host/tenon", command)],
            env={**os.environ, "TENON_CONF": str(tenon.conf)},
            capture_output=True,
            text=True,
            timeout=30 * PATIENCE,
            check=False,
        )
        assert run.stderr == "", command
        assert len(run.stdout.splitlines()) == (2 if "head" in command else 0)


def test_output_that_cannot_be_written_ends_a_command(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"))
    tenon.start()
    tenon.cli("signal", "publish", "order.paid")
    begun = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}) + "\n"
    commands = [
        ["--version"],
        ["--help"],
        ["status"],
        ["status", "--json"],
        ["signal", "listen", "order.*", "--after", "0"],
        ["signal", "listen", "order.*", "--after", "0", "--limit", "1"],
        ["integration", "logs", "hooks", "--follow"],
        ["tap", "hooks"],
        ["tap", "hooks", "--limit", "1"],
        ["mcp"],  # whose input goes on
    ]
    for command in commands:
        with open("/dev/full", "wb") as full:
            process = subprocess.Popen(
                [str(BUILD / "host/tenon"), *command],
                stdin=subprocess.PIPE,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "TENON_CONF": str(tenon.conf)},
            )
        try:
            if command == ["mcp"]:
                process.stdin.write(begun)
                process.stdin.flush()
            if command[0] == "tap":
                wait_for(lambda: streams(tenon) == 1, "the tap to be open")
                tenon.add({"id": "evt-%d" % len(command)})
            assert process.wait(20 * PATIENCE) == 1, command
            said = process.stderr.read()
            assert said == "tenon: cannot write the output: No space left on device\n", command
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stderr.close()
        wait_for(lambda: streams(tenon) == 0, "the stream to be gone")
