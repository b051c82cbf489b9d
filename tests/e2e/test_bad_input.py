# SPDX-License-Identifier: Apache-2.0
"""Bad input is refused with a sentence that names the place, and nothing of it is stored."""
import json
import os
import socket
import subprocess

import pytest

from daemon import BUILD, PATIENCE, SANITIZED, wait_for

GOOD = b'{"id":"good-%d"}'


def stored(tenon):
    answer = tenon.get("/api/v1/status").json
    entities = answer["store"]["entities"] if "store" in answer else answer["entities"]
    return entities


BAD = {
    "not JSON": b"hello",
    "cut off": b'{"id":"a","x":[1,2',
    "single quotes": b"{'id':'a'}",
    "a bare string": b'"id"',
    "a number": b"12",
    "an array of numbers": b"[1,2,3]",
    "trailing comma": b'{"id":"a",}',
    "two values in one line": b'{"id":"a"}x',
    "NUL byte": b'{"id":"a\0b"}',
    "NUL escape in the id": b'{"id":"a\\u0000b"}',
    "NUL behind it": b'{"id":"a"}\0',
    "invalid UTF-8": b'{"id":"a","t":"\xff\xfe"}',
    "overlong UTF-8": b'{"id":"a","t":"\xc0\xaf"}',
    "UTF-16 surrogate bytes": b'{"id":"a","t":"\xed\xa0\x80"}',
    "lone surrogate escape in the id": b'{"id":"\\ud800"}',
    "control character": b'{"id":"a\nb"}',
    "deep nesting": b'{"id":"a","x":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "deep objects": b'{"x":' * 100000 + b"1" + b"}" * 100000,
    "id of 10 kB": b'{"id":"' + b"i" * 10240 + b'"}',
    "empty id": b'{"id":""}',
    "id that is an object": b'{"id":{"a":1}}',
    "NaN": b'{"id":"a","x":NaN}',
    "hex number": b'{"id":"a","x":0x10}',
    "empty body": b"",
    "blank body": b" \n \n",
}


@pytest.fixture
def running(tenon):
    tenon.start()
    return tenon


def problem(answer):
    assert 400 <= answer.status < 500, answer
    assert "problem+json" in answer.headers["content-type"], answer.headers
    words = answer.json
    assert words["status"] == answer.status and len(words["detail"]) > 15, words
    return words["detail"]


def test_each_is_refused_with_words_and_nothing_is_stored(running):
    for name, body in BAD.items():
        try:
            problem(running.post("/ingest?type=event", body))
        except AssertionError as error:
            raise AssertionError("%s: %s" % (name, error)) from error
        assert stored(running) == 0, "%s: something was stored" % name
    assert running.post("/ingest?type=event", GOOD % 1).status < 300
    assert stored(running) == 1


def test_one_bad_record_stores_none_of_its_batch(running):
    lines = [GOOD % number for number in range(1000)]
    lines[700] = b'{"id":"x",,}'
    words = problem(
        running.post("/ingest?type=event", b"\n".join(lines), content_type="application/x-ndjson")
    )
    assert "701" in words, "the line is not named: %s" % words
    array = b"[" + b",".join(lines) + b"]"
    words = problem(running.post("/ingest?type=event", array))
    assert stored(running) == 0


def test_a_body_of_100_mb_is_refused_and_costs_no_memory(running):
    def peak_kb():
        with open("/proc/%d/status" % running.process.pid, encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("VmHWM")).split()[1])

    before = peak_kb()
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as peer:
        size = 100 << 20
        peer.sendall(
            b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n"
            % size
        )
        answer = b""
        try:
            for _ in range(size >> 16):
                peer.sendall(b"[" * 65536)
        except OSError:
            pass  # it is refused before the end
        try:
            answer = peer.recv(65536)
        except OSError:
            pass
    assert answer == b"" or b" 413 " in answer.split(b"\r\n")[0], answer[:200]
    assert peak_kb() - before < 40 << 10
    assert running.get("/health").status == 200
    assert stored(running) == 0


def test_a_declared_size_beyond_the_limit_is_answered_413(running):
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as peer:
        head = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\n"
        peer.sendall(head + b"Content-Length: 104857600\r\n\r\n")
        assert b" 413 " in peer.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\0" * 4096,
        b"GET\r\n\r\n",
        b"POST /ingest HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\0" * 50,
        b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"POST /ingest HTTP/1.1\r\n" + b"X-Y: " + b"z" * 100000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_does_not_stop_the_daemon(running, bytes_):
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as peer:
        try:
            peer.sendall(bytes_)
            peer.shutdown(socket.SHUT_WR)
            peer.recv(65536)
        except OSError:
            pass
    assert running.get("/health").status == 200
    assert stored(running) == 0


def test_a_body_that_never_ends_holds_nobody(running):
    peers = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(50)]
    for peer in peers:
        peer.sendall(b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert running.post("/ingest?type=event", GOOD % 1).status < 300
    for peer in peers:
        peer.close()
    assert stored(running) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api/v1/entities/",
        "/..%2f..%2fetc/passwd",
        "/api/v1/submissions/abc",
        "/api/v1/entities?limit=zero",
        "/api/v1/why",
        "/api/v1/submissions?state=happy",
        "/api/v1/entities/%ff",
        "/api/v1/status?wrong=1",
        "/api/v1/entities?type=",
        "/api/v1/entities?limit=",
        "/api/v1/entities?text",
        "/api/v1/relationships?from=",
        "/api/v1/entities/e/relationships?direction=",
        "/api/v1/why?entity=e&integration=",
        "/api/v1/signals?sender=",
        "/api/v1/signals/parked?integration=",
    ],
)
def test_bad_paths_and_arguments_are_problems(running, path):
    words = problem(running.get(path))
    assert words


def test_what_is_empty_is_not_taken_for_none(tenon, receiver):
    """A filter whose value is missing would be none, and mean everything."""
    tenon.webhook("hooks", receiver.url("/in"), select="selector = none\n")
    tenon.start()
    tenon.add({"id": "e-1"})
    trigger = "/api/v1/integrations/hooks/trigger"
    for path, body, name in (
        (trigger, {"entity": ""}, "entity"),
        (trigger, {"selector": ""}, "selector"),
        ("/api/v1/integrations/hooks/manage", {"operation": "sync", "entity": ""}, "entity"),
        ("/api/v1/tokens", {"name": "shop", "scope": "read", "expires": ""}, "expires"),
        ("/api/v1/signals", {"type": "a.b", "sender": ""}, "sender"),
        ("/api/v1/signals/request", {"type": "a.b", "timeout": ""}, "timeout"),
        ("/ingest?type=", {"id": "e-2"}, "type"),
    ):
        answer = tenon.post(path, json.dumps(body))
        words = problem(answer)
        assert name in words and "it is empty" in words, words
    for arguments, word in (
        (("submit", "hooks", "--entity", ""), "--entity"),
        (("submit", "hooks", "--selector="), "--selector"),
        (("token", "create", "shop", "--scope", "read", "--expires", ""), "--expires"),
        (("entity", "search", "--type", ""), "--type"),
        (("entity", "relations", ""), "ID"),
        (("why", ""), "ENTITY"),
    ):
        run = tenon.cli(*arguments, check=False)
        assert run.returncode == 2 and word + " is empty" in run.stderr, run
    assert stored(tenon) == 1 and tenon.submissions() == [] and receiver.stats()["requests"] == 0
    assert tenon.get("/api/v1/tokens").json["items"] == []
    assert tenon.post("/ingest?ids", '{"id":"e-2"}').json["ids"] == ["e-2"]  # a flag needs none
    assert tenon.get("/api/v1/why?entity=e-1&rendered=").status == 200


def test_unknown_names_are_named(running):
    assert "evt-none" in problem(running.get("/api/v1/entities/evt-none"))
    assert "nobody" in problem(running.get("/api/v1/integrations/nobody"))
    assert "POST" in running.get("/ingest").headers.get("allow", "")


def test_a_problem_has_the_title_of_its_status(running):
    odd = [
        (running.get("/ws"), 426, "Upgrade Required"),
        (running.ask("POST", "/mcp", "{}", content_type="text/plain"), 415,
         "Unsupported Media Type"),
        (running.ask("POST", "/mcp", "{}", headers={"Accept": "text/html"}), 406, "Not Acceptable"),
    ]
    for answer, status, title in odd:
        assert (answer.status, answer.json["title"]) == (status, title), answer


def test_odd_but_good_input_is_taken_as_it_is(tenon, receiver):
    """Whatever is legal JSON survives unchanged: escapes, big numbers, duplicate keys, an id that
    is a number, odd types."""
    tenon.webhook("hooks", receiver.url("/in"), select="")
    tenon.start()
    bodies = [
        b'{"id":1}',
        b'{"id":"\\u00e9/..\\\\x y?&#","n":12345678901234567890.123456789e-3}',
        b'{"id":"dup","a":1,"a":2}',
        b'{"id":"sp" , "x" : [ ] }',
        b'{"id":"pair","x":"\\ud83d\\ude00"}',
        b'{"id":"typed","type":"tr\\u00e8s odd/type"}',
    ]
    for body in bodies:
        answer = tenon.post("/ingest", body)
        assert answer.status < 300, (body, answer)
    wait_for(lambda: receiver.stats()["records"] == len(bodies), "all of them")
    sent = {one["body"] for one in receiver.exchanges}
    assert {json.dumps(json.loads(body), sort_keys=True) for body in sent} == {
        json.dumps(json.loads(body), sort_keys=True) for body in bodies
    }


# ---- import by the client ----------------------------------------------------------------------


@pytest.fixture
def long_line(running):
    """A line of 400 MB between two records; without its bytes on the disk."""
    path = running.folder / "long.ndjson"
    with open(path, "wb") as file:
        file.write(b'{"id":"first"}\n')
        file.truncate(400 << 20)
        file.seek(0, 2)
        file.write(b'\n{"id":"last"}\n')
    return path


def import_with(tenon, kilobytes, *arguments):
    """An import that gets no more memory than this; a sanitizer's shadow has no limit."""
    limit = "unlimited" if SANITIZED else kilobytes
    return subprocess.run(
        ["sh", "-c", 'ulimit -v %s; exec "$@"' % limit, "sh", str(BUILD / "host/tenon"), "import"]
        + [str(argument) for argument in arguments],
        env={**os.environ, "TENON_CONF": str(tenon.conf)},
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )


def test_a_line_longer_than_memory_is_told_by_its_number(running, long_line):
    words = "line 2: more than 4194304 bytes, the most that a record may have"
    words = "tenon: %s: %s\n" % (long_line, words)
    run = import_with(running, 100000, long_line)
    assert (run.returncode, run.stderr) == (1, words)
    assert run.stdout == "1 in (1 created, 0 updated, 0 unchanged), 1 bad\n"
    run = import_with(running, 100000, long_line, "--skip-bad")
    assert (run.returncode, run.stderr) == (1, words)
    assert run.stdout == "2 in (1 created, 0 updated, 1 unchanged), 1 bad\n"
    assert stored(running) == 2


def test_a_line_without_an_end_ends_the_import(running):
    run = import_with(running, 100000, "/dev/zero")
    assert run.returncode == 1 and "line 1: more than 4194304 bytes" in run.stderr
    assert stored(running) == 0


def test_as_long_a_line_as_a_record_may_be_is_taken(running):
    path = running.folder / "records.ndjson"
    most = 4 << 20
    fill = most - len('{"id":"b","t":""}')
    lines = ["\ufeff  ", '{"id":"a"}\r', '{"id":"b","t":"%s"}\r' % ("x" * fill), '{"id":"c"}']
    path.write_bytes("\n".join(lines).encode())
    run = running.cli("import", path)
    assert run.stdout == "3 in (3 created, 0 updated, 0 unchanged)\n"
    path.write_bytes(b'{"id":"b","t":"%s"}' % (b"x" * (fill + 1)))
    run = running.cli("import", path, check=False)
    assert (run.returncode, "line 1: " in run.stderr, str(most) in run.stderr) == (1, True, True)


def test_an_array_may_be_longer_than_a_line(running):
    path = running.folder / "records.json"
    records = [{"id": "r-%d" % number, "t": "x" * 1000} for number in range(6000)]
    path.write_text(json.dumps(records))
    assert running.cli("import", path).stdout.startswith("6,000 in (6,000 created")
    path.write_text(json.dumps(records, indent=1) + "\n,")
    run = running.cli("import", path, check=False)
    assert run.returncode == 1 and "line 24003, column 1: " in run.stderr, run.stderr


def test_what_cannot_be_read_is_told(running):
    run = running.cli("import", "/proc/self/mem", check=False)
    assert (run.returncode, run.stderr) == (
        1, "tenon: /proc/self/mem: cannot be read: Input/output error\n",
    )  # fmt: skip
    assert run.stdout == "0 in (0 created, 0 updated, 0 unchanged)\n"


def refusals(tenon, *arguments):
    """What the client says with --json, held against what it says without."""
    run = tenon.cli(*arguments, "--json", check=False)
    problems = [json.loads(line) for line in run.stderr.splitlines()]
    plain = tenon.cli(*arguments, check=False)
    assert (run.returncode, plain.returncode) == (1, 1)
    assert plain.stderr == "".join("tenon: %s\n" % one["detail"] for one in problems)
    for one in problems:
        assert one["type"] == "urn:tenon:problem:" + one["code"] and one["title"]
    return [(one["status"], one["code"]) for one in problems]


def test_a_refused_stream_is_a_problem_with_json(running):
    assert refusals(running, "tap", "nobody") == [(404, "not_found")]
    assert refusals(running, "integration", "logs", "nobody", "--follow") == [(404, "not_found")]
    assert refusals(running, "signal", "listen", "a b") == [(400, "bad_request")]


def test_a_refused_record_of_an_import_is_a_problem_with_json(running):
    path = running.folder / "records.ndjson"
    long = '{"id":"%s"}' % ("i" * 2000)
    path.write_text("\n".join(['{"id":"a"}', "{", "12", long, " " * (5 << 20), '{"id":"b"}']))
    assert refusals(running, "import", path) == [(400, "bad_json")]
    assert refusals(running, "import", path, "--skip-bad") == [
        (400, "bad_json"), (400, "bad_json"), (413, "too_large"), (413, "too_large"),
    ]  # fmt: skip
    assert stored(running) == 2
    path.write_text('[{"id":"a"}, 12]')
    assert refusals(running, "import", path) == [(400, "bad_json")]
