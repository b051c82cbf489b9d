# SPDX-License-Identifier: Apache-2.0
"""Malformed requests, 10,000 by a seed against every route that the daemon's own OpenAPI document
lists, over both its doors: each answer is a 2xx or says what was wrong as a problem document, none
is a 500, nothing crashes, and neither memory nor descriptors grow.

TENON_SEED names another seed, TENON_REQUESTS another number."""
import contextlib
import json
import os
import pathlib
import socket

import pytest
from daemon import PATIENCE, SANITIZED, TOP, build_plugin, wait_for
from malformed import Generator

SEED = os.environ.get("TENON_SEED", "20261121")
COUNT = int(os.environ.get("TENON_REQUESTS", "10000"))
WARM = 2500  # requests after which caches are full, and growth is a leak
GROWTH_KB = 24 << 10
DEADLINE = 60 * PATIENCE
# Of the fives: not known here, a plugin's own trouble or slowness, too busy, wrong HTTP, disk full.
FIVES = (501, 502, 503, 504, 505, 507)


class Peer:
    """One connection that reads answers, however they are framed."""

    def __init__(self, tenon, is_tcp):
        if is_tcp:
            self.socket = socket.create_connection(("127.0.0.1", tenon.port), timeout=DEADLINE)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(DEADLINE)
            self.socket.connect(str(tenon.socket))
        self.bytes = b""

    def send(self, raw):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(raw)  # refused before the end

    def more(self):
        with contextlib.suppress(ConnectionResetError):
            piece = self.socket.recv(65536)
            self.bytes += piece
            return len(piece) > 0
        return False

    def answer(self, method):
        """(status, headers, body), or None when the peer has closed. A body without an end is
        None."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.more():
                assert self.bytes == b"", "half an answer: %r" % self.bytes[:200]
                return None
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, status = lines[0].split(" ", 2)[:2]
        assert version == "HTTP/1.1" and len(status) == 3, lines[0]
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            # A list may come in several lines; anything else twice is a mistake.
            assert name.lower() not in headers or name.lower() == "connection", "twice: %s" % line
            headers[name.lower()] = (headers.get(name.lower(), "") + " " + value).strip().lower()
        assert "x-injected" not in headers
        status = int(status)
        if status == 100:
            return self.answer(method)
        if "content-length" not in headers:
            return status, headers, None
        size = 0 if method == "head" or status in (204, 304) else int(headers["content-length"])
        while len(self.bytes) < size:
            assert self.more(), "closed within a body of %d bytes" % size
        body, self.bytes = self.bytes[:size], self.bytes[size:]
        return status, headers, body

    def close(self):
        self.socket.close()


def check(status, headers, body, method):
    assert 200 <= status < 300 or 400 <= status < 500 or status in FIVES, status
    kind = headers.get("content-type", "")
    if status < 400 or body is None or method == "head":
        if body and kind.startswith("application/json"):
            json.loads(body)
        return
    if kind != "application/problem+json":
        # MCP speaks JSON-RPC, whose errors have a form of their own; /health answers 503 with its
        # own figures while an integration starts.
        said = json.loads(body) if kind == "application/json" else {}
        is_health = status == 503 and "integrations_not_active" in said
        assert "jsonrpc" in said or is_health, (kind, body[:200])
        return
    problem = json.loads(body)
    assert problem["status"] == status and problem["title"] and problem["detail"], problem


def converse(tenon, request, is_tcp):
    """Sends it and checks all that comes; how many answers there were."""
    peer = Peer(tenon, is_tcp)
    answers = 0
    try:
        peer.send(request.raw)
        if not request.is_whole:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_WR)
        for method in request.methods if request.is_whole else ("get",) * 20:
            if not request.is_whole:
                method = request.methods[0] if answers == 0 else "get"
            answer = peer.answer(method)
            if answer is None:
                assert not request.is_whole or answers > 0, "closed without an answer"
                break
            check(*answer, method)
            answers += 1
            if answer[2] is None or "close" in answer[1].get("connection", ""):
                break
        return answers
    finally:
        peer.close()


def resident_kb(pid):
    return int(pathlib.Path("/proc/%d/statm" % pid).read_text().split()[1]) * 4


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


@pytest.fixture(name="target")
def target_fixture(tenon):
    """Every kind of integration, so that handlers find something."""
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    tenon.host_ini(
        plugins=[more],
        api="max_body = 64KB\n[mcp]\naccess = write\n",
        log="level = error\n",
        host="watch = no\n",
    )
    none = "\n[select]\nselector = none\n"
    tenon.ini("calc", "[integration]\nplugin = calculator\n" + none)
    tenon.webhook("hook", "http://127.0.0.1:9/", more="[hook]\nscheme = none\nunsigned = yes\n")
    tenon.start()
    for name in ("calc", "hook"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    tenon.add(*[{"id": "evt-%d" % i, "title": "An event", "price": i} for i in range(50)])
    yield tenon
    if tenon.is_running():
        assert tenon.stop(60) == 0


def test_no_malformed_request_does_harm(target):
    document = target.get("/api/v1/openapi.json").json
    names = ["hook", "calc", "evt-1", "evt-2", "add", "event", str(target.folder / "copy.db")]
    generator = Generator(document, names, SEED)
    pid = target.process.pid
    seen = {}
    before = None
    for number in range(COUNT):
        request = generator.next()
        is_tcp = generator.random.random() < 0.3
        try:
            answers = converse(target, request, is_tcp)
        except (AssertionError, OSError, ValueError) as error:
            raise AssertionError(
                "seed %s, request %d (%s, %s): %s\n%r"
                % (SEED, number, request.kind, "TCP" if is_tcp else "Unix", error,
                   request.raw[:1500])
            ) from error
        assert target.is_running(), "tenond died of request %d: %r" % (number, request.raw[:1500])
        kind = seen.setdefault(request.kind, [0, 0])
        kind[0] += 1
        kind[1] += answers > 0
        if number == min(WARM, COUNT // 2):
            before = (resident_kb(pid), descriptors(pid))
    assert len(seen) == 11, seen
    for kind, (sent, answered) in seen.items():
        # What is cut off may have no answer; everything else has.
        assert kind in ("truncated", "noise", "flipped", "chunked", "request lines") or (
            answered > sent // 2
        ), (kind, sent, answered)
    wait_for(lambda: descriptors(pid) <= before[1] + 2, "descriptors to be given back", 60)
    if not SANITIZED:  # whose memory is not ours
        assert resident_kb(pid) - before[0] < GROWTH_KB, (before, resident_kb(pid))
    assert target.get("/api/v1/status").status == 200
    assert target.post("/ingest", b'{"id":"after"}').status == 201
    assert not any("AddressSanitizer" in line for line in target.log_text().splitlines())


# RFC 9112: what two readers could take for two different requests is taken for none.
SMUGGLED = {
    "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}G",
    "the same length twice": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": b"Content-Length: 2, 3\r\n\r\n{}G",
    "a signed length": b"Content-Length: +2\r\n\r\n{}",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and more": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "nearly chunks": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a tab of another kind": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a bare line end": b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare return": b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk with a bare line end": b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a signed chunk": b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "a chunk by 0x": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond 64 bits":
        b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "NUL in a name": b"Transfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_is_read_in_one_way_or_not_at_all(target, name):
    for is_tcp in (False, True):
        peer = Peer(target, is_tcp)
        peer.send(
            b"POST /ingest HTTP/1.1\r\nHost: localhost\r\n"
            + SMUGGLED[name]
            + b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        status, headers, body = peer.answer("post")
        assert status in (400, 413, 501), (status, body)
        check(status, headers, body, "post")
        assert peer.answer("get") is None, "the request behind it was answered"
        peer.close()


