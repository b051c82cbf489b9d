# SPDX-License-Identifier: Apache-2.0
"""Peers that want too much, or never come to an end: each is told which limit it met, none takes
anything from the others, and all of them are counted."""
import concurrent.futures
import contextlib
import http.client
import json
import re
import resource
import socket
import threading

import pytest
from daemon import PATIENCE, wait_for

HEAD = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def connect(tenon, receive_buffer=None):
    peer = socket.socket()
    if receive_buffer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.settimeout(60 * PATIENCE)
    peer.connect(("127.0.0.1", tenon.port))
    return peer


def rest_of(peer):
    """All that comes until the other side closes."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := peer.recv(65536):
            got += piece
    return got


def exchange(tenon, request):
    with connect(tenon) as peer:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(request)
        return rest_of(peer)


def refused(tenon, reason):
    text = tenon.get("/metrics").body.decode()
    return int(re.search(r'tenon_api_refused_total\{reason="%s"\} (\d+)' % reason, text).group(1))


def is_served(tenon):
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=30 * PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        return connection.getresponse().status == 200


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip("at most %d descriptors are allowed here" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_thousand_and_first_connection_is_told_so(tenon, many_files):
    tenon.start()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(tenon)) for _ in range(1000)]
        for peer in peers:
            peer.sendall(HEAD + b"\r\n")
        for peer in peers:
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        for _ in range(20):
            with connect(tenon) as extra:
                answer = rest_of(extra)
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), answer
            assert b"all connections are taken" in answer
        # The operator still gets in, and those who are in are served.
        assert refused(tenon, "connections") == 20
        assert "tenon_api_connections 1001" in tenon.get("/metrics").body.decode()
        for peer in peers[:10]:
            peer.sendall(HEAD + b"\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    wait_for(lambda: is_served(tenon), "places to be free again")


def test_one_address_does_not_take_all_places(tenon):
    tenon.host_ini(api="max_connections_per_peer = 3\n")
    tenon.start()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(tenon)) for _ in range(3)]
        for peer in peers:
            peer.sendall(HEAD + b"\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        answer = exchange(tenon, HEAD + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n"), answer
        with socket.socket() as other:  # another address of this machine has places of its own
            other.bind(("127.0.0.2", 0))
            other.settimeout(60 * PATIENCE)
            other.connect(("127.0.0.1", tenon.port))
            other.sendall(HEAD + b"\r\n")
            assert other.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    assert refused(tenon, "peer_connections") == 1
    wait_for(lambda: is_served(tenon), "places to be free again")


def test_who_is_turned_away_takes_no_place(tenon, many_files):
    """More of one address than there are places, and all of them stay: others do not notice. So
    many are told at a time, what is above that is closed without a word."""
    tenon.host_ini(api="max_connections_per_peer = 3\nmax_connections = 20\n")
    tenon.start()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(tenon)) for _ in range(3 + 200)]
        with socket.socket() as other:  # accepted behind them all
            other.bind(("127.0.0.2", 0))
            other.settimeout(60 * PATIENCE)
            other.connect(("127.0.0.1", tenon.port))
            other.sendall(HEAD + b"\r\n")
            answer = other.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        told = [answer for answer in map(rest_of, peers[3:]) if answer != b""]
        assert 64 <= len(told) < 200
        assert all(answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n") for answer in told)
        for peer in peers[:3]:
            peer.sendall(HEAD + b"\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        figures = tenon.get("/metrics").body.decode()
        assert int(re.search(r"^tenon_api_connections (\d+)$", figures, re.M).group(1)) <= 5
    assert refused(tenon, "peer_connections") == 200
    assert refused(tenon, "connections") == 0
    wait_for(lambda: is_served(tenon), "places to be free again")


def test_sizes_have_their_statuses(tenon):
    tenon.host_ini(api="max_body = 10KB\n")
    tenon.start()
    too_large = b"HTTP/1.1 413 Content Too Large\r\n"
    for request, answer in (
        (HEAD + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
        (HEAD + b"X: y\r\n" * 100 + b"\r\n", b"HTTP/1.1 431 "),
        (b"GET /" + b"a" * 9000, b"HTTP/1.1 431 "),
        (b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10241\r\n\r\n", too_large),
        (
            b"POST /ingest HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2801\r\nx",
            too_large,
        ),
        (b"no request at all\r\n\r\n", b"HTTP/1.1 400 "),
    ):
        assert exchange(tenon, request).startswith(answer), request[:60]
    assert refused(tenon, "head_too_large") == 3
    assert refused(tenon, "body_too_large") == 2
    assert refused(tenon, "malformed") == 1
    assert is_served(tenon)


def drip(peers, pieces, stop):
    """A byte to each now and then, until they are closed or it is told to stop."""
    for piece in pieces:
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(piece)
        if stop.wait(0.2):
            return


def test_who_drips_a_request_is_cut_off(tenon):
    tenon.host_ini(api="request_timeout = 1s\n")
    tenon.start()
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        heads = [stack.enter_context(connect(tenon)) for _ in range(100)]
        bodies = [stack.enter_context(connect(tenon)) for _ in range(20)]
        for peer in heads:
            peer.sendall(HEAD)
        for peer in bodies:
            peer.sendall(b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
        dripping = threading.Thread(target=drip, args=(heads + bodies, [b"x"] * 3000, stop))
        dripping.start()
        try:
            assert is_served(tenon)
            for peer in heads + bodies:
                answer = rest_of(peer)
                assert answer == b"" or answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
                assert answer != b"" or peer not in bodies
        finally:
            stop.set()
            dripping.join()
    assert refused(tenon, "slow_request") == 120
    assert is_served(tenon)


def test_who_sends_slowly_but_steadily_is_served(tenon):
    """Longer than the time for a request, at more than 500 bytes a second."""
    tenon.host_ini(api="request_timeout = 1s\n")
    tenon.start()
    body = b'{"id": "e-1", "text": "%s"}' % (b"x" * 20000)
    with connect(tenon) as peer:
        peer.sendall(
            b"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        drip([peer], [body[at : at + 1000] for at in range(0, len(body), 1000)], threading.Event())
        assert peer.recv(4096).startswith(b"HTTP/1.1 20")
    assert refused(tenon, "slow_request") == 0


def test_who_never_reads_is_cut_off_and_who_reads_slowly_is_not(tenon):
    tenon.host_ini(api="request_timeout = 1s\n")
    tenon.start()
    text = "x" * 4_000_000
    assert tenon.call("PUT", "/api/v1/entities/e-1", '{"text": "%s"}' % text).status in (200, 201)
    # More than the kernel holds for a peer: several at once.
    request = b"GET /api/v1/entities/e-1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 5
    request += HEAD + b"Connection: close\r\n\r\n"
    with connect(tenon, 4096) as never, connect(tenon, 4096) as slowly:
        never.sendall(request)
        slowly.sendall(request)
        got = 0
        pause = threading.Event()
        while refused(tenon, "slow_reader") == 0:
            got += len(slowly.recv(2000))
            pause.wait(0.1)
        for _ in range(30):  # it goes on as slowly for a while, and is not cut off
            got += len(slowly.recv(2000))
            pause.wait(0.1)
        slowly.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        got += len(rest_of(slowly))
        assert got > 5 * len(text)
        assert len(rest_of(never)) < 5 * len(text)
    assert refused(tenon, "slow_reader") == 1
    assert is_served(tenon)


# ---- searches --------------------------------------------------------------------------------

PLACES = 16  # of each kind of search
ENDLESS = "/api/v1/submissions?where=def%20f:%20f;%20f"


@pytest.fixture
def delivered(tenon, receiver):
    """One submission, so that an expression has something to be asked about."""
    tenon.webhook("hook", receiver.url("/in"))
    tenon.start()
    tenon.add({"id": "one"})
    wait_for(lambda: tenon.states("hook") == {"succeeded": 1}, "the delivery")
    return tenon


def send(tenon, path, method="GET"):
    head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n" % (method, path)
    peer = connect(tenon)
    peer.sendall(head.encode())
    return peer


def is_too_many(answer, most=PLACES):
    if answer.status == 429:
        assert answer.headers["retry-after"] == "1"
        assert answer.json["code"] == "too_many"
        assert answer.json["detail"].startswith("%d requests" % most)
    return answer.status == 429


def is_found(tenon):
    answer = tenon.get("/api/v1/submissions?where=.id%3D%3D%22one%22")
    if is_too_many(answer):
        return False
    assert answer.status == 200 and len(answer.json["items"]) == 1, answer
    return True


def under_way(tenon):
    """Requests, with the one that asks."""
    text = tenon.get("/metrics").body.decode()
    return int(re.search(r"\ntenon_api_requests_under_way (\d+)", text).group(1))


def fill_places(tenon, stack):
    peers = [stack.enter_context(send(tenon, ENDLESS)) for _ in range(PLACES)]
    wait_for(lambda: under_way(tenon) == PLACES + 1, "all places to be taken")
    assert is_too_many(tenon.get(ENDLESS))
    return peers


def test_the_seventeenth_query_is_told_so(delivered):
    """Moves by a query are of the same kind; moves by number are not."""
    with contextlib.ExitStack() as stack:
        fill_places(delivered, stack)
        assert is_too_many(delivered.post("/api/v1/submissions/retry", '{"all": true}'))
        assert delivered.post("/api/v1/submissions/retry", '{"numbers": [1]}').status == 200
        assert delivered.get("/api/v1/submissions").status == 200
    wait_for(lambda: is_found(delivered), "a place to be free again")


def test_queries_end_with_their_askers(delivered):
    """And with the daemon: nobody waits the 5 s that an expression may take."""
    with contextlib.ExitStack() as stack:
        fill_places(delivered, stack)
    wait_for(lambda: is_found(delivered), "the places of those who left", timeout=4)
    with contextlib.ExitStack() as stack:
        peers = fill_places(delivered, stack)
        assert delivered.stop() == 0
        for peer in peers:
            assert peer.recv(4096).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


def test_queries_that_nobody_waits_for_do_not_pile_up(delivered):
    for _ in range(2000):
        send(delivered, "/api/v1/submissions?where=.a").close()
    wait_for(lambda: is_found(delivered), "an answer behind them", timeout=10)


def test_so_many_search_at_a_time(tenon):
    """Other reads wait behind their pieces, but not behind those of a hundred."""
    tenon.start()
    text = "x" * 2000
    for k in range(10):
        tenon.add(*[{"id": "e-%d-%d" % (k, i), "text": text} for i in range(1000)])
    search = "/api/v1/entities?text=nowhere"
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(send(tenon, search)) for _ in range(10 * PLACES)]
        told = [peer.recv(4096).split(b"\r\n")[0] for peer in peers]
        assert tenon.get("/api/v1/entities/e-0-0").status == 200
    assert set(told) == {b"HTTP/1.1 200 OK", b"HTTP/1.1 429 Too Many Requests"}
    assert told.count(b"HTTP/1.1 200 OK") >= PLACES
    assert tenon.get(search).json["items"] == []  # their places are free again


def test_so_many_tests_wait_at_a_time(tenon):
    path = "/api/v1/integrations/silent/test"
    with socket.socket() as silent, contextlib.ExitStack() as stack:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = "http://127.0.0.1:%d/" % silent.getsockname()[1]
        tenon.webhook("silent", url, more="[health]\ntimeout = 60s\n")
        tenon.start()
        peers = [stack.enter_context(send(tenon, path, "POST")) for _ in range(64)]
        wait_for(lambda: under_way(tenon) == 65, "all of them to wait")
        assert is_too_many(tenon.post(path), 64)
        silent.accept()[0].close()
        for peer in peers:
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    assert tenon.post("/api/v1/integrations/nobody/test").status == 404  # their places are free


def test_an_idle_connection_is_closed(tenon):
    tenon.host_ini(api="idle_timeout = 1s\n")
    tenon.start()
    assert exchange(tenon, b"") == b""
    answer = exchange(tenon, HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b"HTTP/1.1") == 1
    assert refused(tenon, "slow_request") == 0


def test_who_makes_a_type_of_each_record_is_refused_alone(tenon, receiver):
    """A store has 4,096 types. What comes in at the same time is committed together."""
    tenon.webhook("hooks", receiver.url("/in"), select="")
    tenon.start()
    names = ["t%d" % i for i in range(4096)]
    for first in range(0, 4096, 1024):
        lines = [json.dumps({"id": one, "type": one}) for one in names[first : first + 1024]]
        answer = tenon.post(
            "/api/v1/entities", "\n".join(lines), content_type="application/x-ndjson"
        )
        assert answer.status < 300, answer
    ended = threading.Event()

    def produce(name):
        for i in range(100):
            record = {"id": "%s-%d" % (name, i), "type": "t1"}
            yield tenon.ask("POST", "/api/v1/entities", json.dumps(record))

    def spoil():
        while not ended.is_set():
            record = {"id": "bad", "type": "one too many"}
            yield tenon.ask("POST", "/api/v1/entities", json.dumps(record))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        bad = [pool.submit(list, spoil()) for _ in range(2)]
        good = [pool.submit(list, produce(name)) for name in "abcd"]
        concurrent.futures.wait(good)
        ended.set()
        assert {answer.status for each in good for answer in each.result()} == {201}
        assert {answer.status for each in bad for answer in each.result()} == {413}
    wait_for(
        lambda: tenon.integration("hooks")["submissions"] == {"succeeded": 4096 + 400},
        "all to be delivered",
    )
    log = tenon.log_text()
    assert "verdicts could not be written" not in log
    assert "could not take work from the store" not in log
