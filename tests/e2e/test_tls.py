# SPDX-License-Identifier: Apache-2.0
"""Over TLS nothing leaves before the other side has proved who it is; where a server offers HTTP/2
many requests share a few connections; and each way in which a TLS connection can fail is told
apart, since what was surely not sent may go again and what was perhaps received is not the same."""
import shutil
import signal
import tempfile

import pytest
from daemon import PATIENCE, QUICK_RETRY, run_check, wait_for
from tls import NGINX, Authority, BarePeer, Nginx, read_request, serve_tls, tunnel

TRUST = "verify_tls = yes\nca_file = %s\n"


@pytest.fixture(scope="module")
def authority():
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (tests/deps.sh test installs it)")
    with tempfile.TemporaryDirectory(prefix="tenon-ca-") as folder:
        yield Authority(folder)


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("good")


@pytest.fixture
def make_nginx(folder, receiver):
    """make_nginx(certificate, http2=..., keepalive_requests=...): in front of `receiver`."""
    if NGINX is None:
        pytest.skip("nginx is not installed (tests/deps.sh test installs it)")
    made = []

    def make(certificate, **settings):
        made.append(Nginx(folder, certificate, receiver.url()))
        return made[-1].start(**settings)

    yield make
    for server in made:
        server.stop(signal.SIGKILL)


@pytest.fixture
def make_peer():
    made = []

    def make(behave):
        made.append(BarePeer(behave))
        return made[-1]

    yield make
    for peer in made:
        peer.stop()


def hook(tenon, url, integration=""):
    """The integration `hooks`: it posts to `url`, with these keys in [integration]."""
    base, path = url.rsplit("/", 1)
    tenon.ini(
        "hooks",
        "[integration]\nplugin = webhook\nbase_url = %s\n%s[select]\ntype = event\n%s"
        "[settings]\npath = /%s\n" % (base, integration, QUICK_RETRY, path),
    )


def mend(tenon, url, integration=""):
    """The operator mends the ini and starts tenond anew."""
    assert tenon.stop() == 0
    hook(tenon, url, integration)
    tenon.start()


def history(tenon):
    """The attempts of the only submission, once there is one."""
    rows = tenon.submissions(integration="hooks")
    if len(rows) != 1:
        return []
    return tenon.get("/api/v1/submissions/%d" % rows[0]["number"]).json["history"]


def read_all(connection):
    text = b""
    while more := connection.recv(4096):
        text += more
    return text


def first_failure(tenon):
    return wait_for(lambda: history(tenon), "a first attempt")[0]


def expect_refused(tenon, receiver, nginx, *words):
    """The submission waits for a further try, says why in these words, and nothing was sent."""
    attempt = first_failure(tenon)
    assert (attempt["state"], attempt["error_class"]) == ("retrying", "connection"), attempt
    for word in ("nothing was sent to localhost:%d" % nginx.port, *words):
        assert word in attempt["reason"], attempt["reason"]
    told = tenon.cli("why", "evt-1").stdout
    assert words[-1] in " ".join(told.split()), told
    assert receiver.stats()["requests"] == 0 and nginx.requests() == []
    assert tenon.states("hooks") in ({"retrying": 1}, {"in_flight": 1}, {"pending": 1})


def expect_delivered(tenon, receiver, count=1):
    wait_for(lambda: tenon.states("hooks") == {"succeeded": count}, "%d successes" % count)
    stats = receiver.stats()
    assert (stats["unique"], stats["duplicates"]) == (count, 0), stats


def test_an_unknown_authority_is_refused_until_it_is_named(
    tenon, receiver, make_nginx, authority, good
):
    nginx = make_nginx(good)
    hook(tenon, nginx.url())
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "unable to get local issuer certificate", "ca_file")
    mend(tenon, nginx.url(), TRUST % authority.pem)
    expect_delivered(tenon, receiver)


def test_a_self_signed_certificate_is_refused_until_it_is_trusted(
    tenon, receiver, make_nginx, authority
):
    own = authority.self_signed("own")
    nginx = make_nginx(own)
    hook(tenon, nginx.url())
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "self-signed certificate", "ca_file")
    mend(tenon, nginx.url(), TRUST % own.pem)
    expect_delivered(tenon, receiver)


def test_another_authority_than_the_named_one_is_refused(
    tenon, receiver, make_nginx, authority, good
):
    nginx = make_nginx(good)
    hook(tenon, nginx.url(), TRUST % authority.self_signed("other").pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "unable to get local issuer certificate", "ca_file")


def test_a_certificate_for_another_host_is_refused(tenon, receiver, make_nginx, authority):
    nginx = make_nginx(authority.issue("elsewhere", "DNS:elsewhere.test"))
    hook(tenon, nginx.url(), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "name", "base_url")


def test_an_expired_certificate_is_refused(tenon, receiver, make_nginx, authority):
    nginx = make_nginx(authority.issue("expired", days=-1))
    hook(tenon, nginx.url(), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "certificate has expired", "renewed")


def test_an_address_is_matched_too(tenon, receiver, make_nginx, authority, good):
    nginx = make_nginx(good)
    hook(tenon, nginx.url(host="127.0.0.1"), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_delivered(tenon, receiver)


def test_verify_tls_off_takes_any_certificate(tenon, receiver, make_nginx, authority):
    nginx = make_nginx(authority.issue("wrong", "DNS:elsewhere.test", days=-1))
    hook(tenon, nginx.url(), "verify_tls = no\n")
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_delivered(tenon, receiver)
    hook(tenon, nginx.url(), "verify_tls = no\nca_file = %s\n" % authority.pem)
    status, said = run_check(tenon.conf)
    assert status == 0 and "ca_file has no effect while verify_tls = no" in said, said


def test_a_ca_file_without_certificates_sends_nothing(tenon, receiver, make_nginx, good, folder):
    nginx = make_nginx(good)
    (folder / "empty.pem").write_text("nothing in here\n")
    hook(tenon, nginx.url(), TRUST % (folder / "empty.pem"))
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, str(folder / "empty.pem"), "ca_file")


# ---- HTTP/2 --------------------------------------------------------------------------------------


def all_at_once(receiver, count):
    """Nobody is answered before `count` requests are here at the same time."""
    here = [0]

    def answer(_):
        here[0] += 1
        receiver.lock.notify_all()
        together = receiver.lock.wait_for(lambda: here[0] >= count, 20 * PATIENCE)
        return (200, {}, b"{}") if together else (500, {}, b"alone")

    receiver.answer = answer


def records(count, first=0):
    return [{"id": "evt-%d" % number} for number in range(first, first + count)]


def logged(nginx, count):
    """What nginx logged, once that is this many requests: it writes after it has answered."""
    return wait_for(
        lambda: len(nginx.requests()) >= count and nginx.requests(), "%d log lines" % count
    )


def test_http2_carries_many_requests_at_once_on_few_connections(
    tenon, receiver, make_nginx, authority, good
):
    nginx = make_nginx(good)
    hook(tenon, nginx.url(), TRUST % authority.pem + "concurrency = 8\n")
    all_at_once(receiver, 8)
    tenon.start()
    tenon.add(*records(200))
    expect_delivered(tenon, receiver, 200)
    rows = logged(nginx, 200)
    assert len(rows) == 200 and {row["protocol"] for row in rows} == {"HTTP/2.0"}
    assert {row["status"] for row in rows} == {"200"}
    assert len({row["connection"] for row in rows}) == 1


def test_http1_is_spoken_where_no_http2_is_offered(tenon, receiver, make_nginx, authority, good):
    nginx = make_nginx(good, http2=False)
    hook(tenon, nginx.url(), TRUST % authority.pem + "concurrency = 8\n")
    all_at_once(receiver, 8)
    tenon.start()
    tenon.add(*records(200))
    expect_delivered(tenon, receiver, 200)
    rows = logged(nginx, 200)
    assert len(rows) == 200 and {row["protocol"] for row in rows} == {"HTTP/1.1"}
    assert len({row["connection"] for row in rows}) == 8


@pytest.mark.parametrize("http2", [True, False])
def test_connections_that_a_server_retires_cost_no_attempt(
    tenon, receiver, make_nginx, authority, good, http2
):
    nginx = make_nginx(good, http2=http2, keepalive_requests=20)
    hook(tenon, nginx.url(), TRUST % authority.pem + "concurrency = 8\n")
    tenon.start()
    tenon.add(*records(400))
    expect_delivered(tenon, receiver, 400)
    rows = logged(nginx, 400)
    assert len(rows) == 400 and len({row["connection"] for row in rows}) >= 20
    assert {row["attempts"] for row in tenon.submissions(integration="hooks")} == {1}


@pytest.mark.parametrize("http2", [True, False])
def test_a_connection_that_died_idle_costs_no_attempt(
    tenon, receiver, make_nginx, authority, good, http2
):
    nginx = make_nginx(good, http2=http2)
    hook(tenon, nginx.url(), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_delivered(tenon, receiver)
    nginx.stop(signal.SIGKILL)
    nginx.start(http2=http2)
    tenon.add({"id": "evt-2"})
    expect_delivered(tenon, receiver, 2)
    assert {row["attempts"] for row in tenon.submissions(integration="hooks")} == {1}


@pytest.mark.parametrize("http2", [True, False])
def test_a_server_that_dies_leaves_unknown_and_gets_all_later(
    tenon, receiver, make_nginx, authority, good, http2
):
    nginx = make_nginx(good, http2=http2)
    hook(tenon, nginx.url(), TRUST % authority.pem + "concurrency = 8\n")
    all_at_once(receiver, 1000)
    tenon.start()
    tenon.add(*records(8))
    wait_for(lambda: receiver.stats()["requests"] == 8, "8 requests under way")
    nginx.stop(signal.SIGKILL)
    wait_for(lambda: not tenon.states("hooks").get("in_flight"), "the outcome of all 8")
    for row in tenon.submissions(integration="hooks"):
        attempts = tenon.get("/api/v1/submissions/%d" % row["number"]).json["history"]
        assert attempts[0]["error_class"] == "unknown", attempts
    receiver.answer = None
    nginx.start(http2=http2)
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 8}, "8 successes")
    assert len({row["key"] for row in logged(nginx, 8)}) == 8


# ---- what can go wrong on a TLS connection -------------------------------------------------------


def test_closed_in_the_handshake_is_not_sent(tenon, make_peer):
    peer = make_peer(lambda peer, connection: peer.seen.append(connection.recv(1)))
    hook(tenon, peer.url())
    tenon.start()
    tenon.add({"id": "evt-1"})
    attempt = first_failure(tenon)
    assert (attempt["state"], attempt["error_class"]) == ("retrying", "connection"), attempt
    assert "nothing was sent to localhost:%d" % peer.port in attempt["reason"]
    assert "TLS handshake" in attempt["reason"]
    assert peer.seen[0] == b"\x16"  # a handshake record: this was the right door


def test_a_handshake_that_hangs_costs_one_record_one_timeout(tenon, make_peer):
    peer = make_peer(lambda peer, connection: peer.seen.append(len(read_all(connection))))
    hook(tenon, peer.url(), "concurrency = 8\nconnect_timeout = 500ms\n")
    tenon.start()
    tenon.add(*records(8))
    row = wait_for(lambda: tenon.submissions(state="retrying"), "the handshake's time to be up")[0]
    attempt = tenon.get("/api/v1/submissions/%d" % row["number"]).json["history"][0]
    assert attempt["error_class"] == "connection" and 450 <= attempt["duration_ms"] < 5000, attempt
    assert "cannot connect to localhost:%d within" % peer.port in attempt["reason"]
    # The other seven wait for what the first one finds, instead of for time limits of their own.
    tried = [one for one in tenon.submissions(integration="hooks") if one["state"] == "retrying"]
    assert len(tried) < 8, tried


def test_plain_http_behind_https_is_not_sent(tenon, receiver):
    hook(tenon, "https://localhost:%d/in" % receiver.port)
    tenon.start()
    tenon.add({"id": "evt-1"})
    attempt = first_failure(tenon)
    assert (attempt["state"], attempt["error_class"]) == ("retrying", "connection"), attempt
    assert "does not speak TLS" in attempt["reason"] and "http://" in attempt["reason"]
    assert receiver.stats()["requests"] == 0
    mend(tenon, receiver.url("/in"))
    expect_delivered(tenon, receiver)


def test_cut_after_the_request_is_unknown(tenon, make_peer, authority, good):
    def cut_the_first(peer, connection):
        with serve_tls(connection, good) as stream:
            peer.seen.append(read_request(stream))
            if len(peer.seen) > 1:
                stream.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    peer = make_peer(cut_the_first)
    hook(tenon, peer.url(), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"succeeded": 1}, "the second try to succeed")
    first, second = history(tenon)
    assert first["error_class"] == "unknown" and second["http_status"] == 204
    assert "no whole answer from localhost:%d" % peer.port in first["reason"]
    assert len(peer.seen) == 2 and len({key_of(text) for text in peer.seen}) == 1


def test_a_proxy_is_not_the_destination(tenon, receiver, make_nginx, make_peer, authority, good):
    """What a proxy was asked is not the request: a refused certificate behind it is still not
    sent."""
    nginx = make_nginx(good)
    proxy = make_peer(tunnel)
    through = "proxy = http://127.0.0.1:%d\n" % proxy.port
    hook(tenon, nginx.url(), through)
    tenon.start()
    tenon.add({"id": "evt-1"})
    expect_refused(tenon, receiver, nginx, "unable to get local issuer certificate", "ca_file")
    mend(tenon, nginx.url(), through + TRUST % authority.pem)
    expect_delivered(tenon, receiver)
    assert set(proxy.seen) == {"localhost:%d" % nginx.port}


def key_of(request):
    lines = request.split(b"\r\n\r\n")[0].split(b"\r\n")
    return next(line for line in lines if line.lower().startswith(b"idempotency-key:"))


def test_an_http2_stream_without_an_answer_is_unknown(tenon, receiver, make_nginx, authority, good):
    nginx = make_nginx(good)
    hook(tenon, nginx.url("/cut"), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    attempt = first_failure(tenon)
    assert attempt["error_class"] == "unknown", attempt
    assert "no whole answer from localhost:%d" % nginx.port in attempt["reason"]
    assert nginx.requests()[0]["protocol"] == "HTTP/2.0"


@pytest.mark.parametrize("redirect", [301, 302, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    tenon, receiver, make_nginx, authority, good, redirect
):
    nginx = make_nginx(good, redirect=redirect)
    hook(tenon, nginx.url("/moved"), TRUST % authority.pem)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"failed": 1}, "the answer to be taken as it is")
    (attempt,) = history(tenon)
    assert attempt["http_status"] == redirect
    assert receiver.stats()["requests"] == 0 and len(nginx.requests()) == 1


def peak_kb(tenon):
    with open("/proc/%d/status" % tenon.process.pid, encoding="ascii") as lines:
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def test_trailers_without_end_cost_no_memory(tenon, make_peer, authority, good):
    def send_trailers(peer, connection):
        with serve_tls(connection, good) as stream:
            peer.seen.append(read_request(stream))
            stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
            for _ in range(2000):  # 120 MB, as libcurl keeps them; the connection breaks before
                stream.sendall(b"T: x\r\n" * 1000)

    peer = make_peer(send_trailers)
    hook(tenon, peer.url(), TRUST % authority.pem)
    tenon.start()
    before = peak_kb(tenon)
    tenon.add({"id": "evt-1"})
    attempt = first_failure(tenon)
    assert attempt["error_class"] == "unknown", attempt
    assert "no whole answer from localhost:%d" % peer.port in attempt["reason"]
    assert "headers of its answer are larger than 64 KB" in attempt["reason"]
    assert peak_kb(tenon) - before < 32 * 1024  # a certificate store and a connection
