# SPDX-License-Identifier: Apache-2.0
"""The API's own port over TLS: what clients of other makers see, whose certificates are asked for,
and how a certificate is renewed without losing anybody."""
import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

import pytest
from daemon import PATIENCE, wait_for
from live import Live
from tls import Authority


@pytest.fixture(scope="module")
def authority():
    for program in ("openssl", "curl"):
        if shutil.which(program) is None:
            pytest.skip("%s is not installed (tests/deps.sh test installs it)" % program)
    with tempfile.TemporaryDirectory(prefix="tenon-ca-") as folder:
        yield Authority(folder)


@pytest.fixture
def served(tenon, authority):
    """A tenond with a certificate of its own folder, not started."""
    made = authority.issue("server")
    tenon.certificate = tenon.folder / "server.pem"
    tenon.key = tenon.folder / "server.key"
    install(tenon, made)
    configure(tenon)
    return tenon


def install(tenon, made):
    shutil.copyfile(made.pem, tenon.certificate)
    shutil.copyfile(made.key, tenon.key)
    tenon.key.chmod(0o600)


def configure(tenon, api=""):
    tenon.host_ini(
        api="tls_certificate = %s\ntls_key = %s\n%s" % (tenon.certificate, tenon.key, api)
    )


def run(*command, stdin=b""):
    return subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        timeout=60 * PATIENCE,
        check=False,
    )


def curl(tenon, authority, path, *more):
    return run(
        "curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", authority.pem, *more,
        "https://localhost:%d%s" % (tenon.port, path),
    )  # fmt: skip


def s_client(tenon, authority, *more):
    answer = run(
        "openssl", "s_client", "-connect", "127.0.0.1:%d" % tenon.port, "-CAfile", authority.pem,
        "-verify_return_error", *more,
    )  # fmt: skip
    return answer.returncode, (answer.stdout + answer.stderr).decode(errors="replace")


def context(authority, certificate=None):
    made = ssl.create_default_context(cafile=str(authority.pem))
    if certificate is not None:
        made.load_cert_chain(certificate.pem, certificate.key)
    return made


def connect(tenon, authority, certificate=None):
    return http.client.HTTPSConnection(
        "localhost", tenon.port, timeout=30 * PATIENCE, context=context(authority, certificate)
    )


def serial(tenon, authority):
    with socket.create_connection(("127.0.0.1", tenon.port), 30 * PATIENCE) as bare:
        with context(authority).wrap_socket(bare, server_hostname="localhost") as over:
            return over.getpeercert()["serialNumber"]


def test_other_peoples_clients_talk_to_it(served, authority):
    served.start()
    answer = curl(served, authority, "/health")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"] == "ok"
    for version in ("-tls1_2", "-tls1_3"):
        code, words = s_client(served, authority, version, "-alpn", "h2,http/1.1")
        assert code == 0, words
        assert "ALPN protocol: http/1.1" in words
        assert "Verify return code: 0 (ok)" in words
    code, words = s_client(served, authority, "-tls1_1", "-cipher", "ALL@SECLEVEL=0")
    assert code != 0, words
    code, words = s_client(served, authority, "-alpn", "h2")
    assert code != 0 and "no application protocol" in words, words
    # Somebody who speaks plain HTTP harms nobody, and gets nothing.
    with socket.create_connection(("127.0.0.1", served.port), 30 * PATIENCE) as bare:
        bare.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in bare.recv(4096)
    assert curl(served, authority, "/health").returncode == 0


def test_large_bodies_go_both_ways_on_one_connection(served, authority):
    served.start()
    connection = connect(served, authority)
    text = "x" * 2_000_000
    for i in range(3):
        connection.request("PUT", "/api/v1/entities/e-%d" % i, json.dumps({"text": text}))
        response = connection.getresponse()
        assert response.status in (200, 201), response.read()
        response.read()
        used = connection.sock
        connection.request("GET", "/api/v1/entities/e-%d" % i)
        response = connection.getresponse()
        assert json.loads(response.read())["data"]["text"] == text
        assert connection.sock is used
    # Byte by byte: records of one byte, a head in many of them.
    for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n":
        connection.sock.sendall(bytes([byte]))
    assert connection.sock.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    connection.close()


def test_replies_that_find_no_room_arrive_whole(served, authority):
    served.start()
    texts = [digit * 3_000_000 for digit in "abcde"]
    for i, text in enumerate(texts):
        assert served.call("PUT", "/api/v1/entities/e-%d" % i, json.dumps({"t": text})).status < 300
    with socket.socket() as bare:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        bare.settimeout(60 * PATIENCE)
        bare.connect(("127.0.0.1", served.port))
        with context(authority).wrap_socket(bare, server_hostname="localhost") as over:
            for i in range(len(texts)):
                last = "Connection: close\r\n" if i == len(texts) - 1 else ""
                over.sendall(
                    b"GET /api/v1/entities/e-%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
                    % (i, last.encode())
                )
            got = bytearray()
            for size in (1, 100, 5000):  # a little at a time, while the other side waits for room
                got += over.recv(size)
            over.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            while piece := over.recv(1 << 16):
                got += piece
    for text in texts:
        assert bytes(got).count(b'"%s"' % text.encode()) == 1
    assert bytes(got).count(b"HTTP/1.1 200 OK\r\n") == len(texts)


def half_close(over):
    """Ends the sending without a word of TLS about it, as many do."""
    socket.socket.shutdown(over, socket.SHUT_WR)


def test_who_ends_sending_is_answered_and_who_leaves_is_let_go(served, authority):
    served.start()
    for i in range(30):
        body = b'{"id": "e-%d"}' % i
        with socket.create_connection(("127.0.0.1", served.port), 30 * PATIENCE) as bare:
            with context(authority).wrap_socket(bare, server_hostname="localhost") as over:
                over.sendall(
                    b"POST /api/v1/entities?type=event HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                )
                half_close(over)
                if i % 2 == 0:
                    assert over.recv(65536).startswith(b"HTTP/1.1 201 Created\r\n")
    wait_for(
        lambda: "\ntenon_api_connections 1\n" in served.get("/metrics").body.decode(),
        "those that left to be let go",
    )


def test_a_live_view_goes_over_it(served, authority, receiver):
    served.webhook("hook", receiver.url())
    served.start()
    connection = connect(served, authority)
    connection.request("GET", "/api/v1/integrations/hook/tap")
    response = connection.getresponse()
    served.add({"id": "e-1"})
    stages = set()
    while "verdict" not in stages:
        stages.add(json.loads(response.readline())["stage"])
    assert {"claimed", "transformed", "verdict"} <= stages
    connection.close()


def test_a_websocket_goes_over_it(served, authority):
    served.start()
    bare = socket.create_connection(("127.0.0.1", served.port), 30 * PATIENCE)
    over = context(authority).wrap_socket(bare, server_hostname="localhost")
    live = Live(served, headers="Origin: https://localhost\r\n", over=over)
    assert live.status == 101
    live.subscribe(topics=["signals"])
    served.add({"id": "e-1"})
    heard = live.hear_until(lambda one: "entity.created" in json.dumps(one))
    assert "e-1" in json.dumps(heard[-1])
    live.close()


def test_asks_for_certificates_where_told_to(served, authority):
    known = authority.issue("somebody")
    with tempfile.TemporaryDirectory(prefix="tenon-ca-") as folder:
        unknown = Authority(folder).issue("stranger")
        shutil.copyfile(authority.pem, served.folder / "clients.pem")
        configure(served, "tls_client_ca = %s\n" % (served.folder / "clients.pem"))
        served.start()
        good = curl(served, authority, "/health", "--cert", known.pem, "--key", known.key)
        assert good.returncode == 0, good.stderr
        assert curl(served, authority, "/health").returncode != 0
        bad = curl(served, authority, "/health", "--cert", unknown.pem, "--key", unknown.key)
        assert bad.returncode != 0


def test_does_not_start_with_a_key_that_others_read(served):
    served.key.chmod(0o644)
    served.start(wait=False)
    assert served.process.wait(30 * PATIENCE) != 0
    assert "has mode 0644, which lets others at it; `chmod 0640" in served.log_text()
    served.key.chmod(0o600)
    other = served.folder / "other.key"
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other)
    other.chmod(0o600)
    served.key = other
    configure(served)
    served.start(wait=False)
    assert served.process.wait(30 * PATIENCE) != 0
    assert "other.key is no key in PEM form without a passphrase, or not that" in served.log_text()
    served.process = None


def test_half_a_configuration_is_refused(tenon):
    tenon.host_ini(api="tls_key = /etc/hostname\n")
    answer = tenon.cli("config", "check", check=False)
    assert answer.returncode == 1
    assert "[api] tls_key: a certificate needs its key" in answer.stdout + answer.stderr


def test_a_renewed_certificate_is_taken_by_reload(served, authority):
    served.start()
    first = serial(served, authority)
    kept = connect(served, authority)
    kept.request("GET", "/health")
    assert kept.getresponse().read()
    used = kept.sock
    install(served, authority.issue("renewed"))
    served.cli("reload")
    second = serial(served, authority)
    assert second != first
    # A broken one changes nothing and says so, until it is mended.
    good = served.certificate.read_text()
    served.certificate.write_text("rubbish\n")
    answer = served.cli("reload", check=False)
    assert answer.returncode == 1 and "is no certificate in PEM form" in answer.stdout, answer
    wait_for(
        lambda: re.search(r"the API goes on as it was.*is no certificate", served.log_text()),
        "the log to tell of the broken certificate",
    )
    assert serial(served, authority) == second
    kept.request("GET", "/health")
    assert kept.getresponse().status == 200 and kept.sock is used
    kept.close()
    served.certificate.write_text(good)
    served.cli("reload")


def test_the_client_talks_to_it_with_a_token(served, authority, receiver):
    served.webhook("hook", receiver.url())
    served.start()
    kept = served.folder / "token"
    kept.write_text(served.cli("token", "create", "me", "--scope", "read").stdout)
    kept.chmod(0o600)
    token = kept.read_text().strip()
    url = "https://localhost:%d" % served.port
    far = ["--url", url, "--ca-file", authority.pem]
    assert url in served.cli("status", *far, "--token-file", kept).stdout
    served.environment = {"TENON_URL": url + "/", "TENON_CA_FILE": str(authority.pem)}
    answer = served.cli("status", check=False)
    assert answer.returncode == 1 and "Authorization: Bearer TOKEN" in answer.stderr
    served.environment["TENON_TOKEN"] = token
    assert "hook" in served.cli("integration", "list").stdout
    answer = served.cli("reload", check=False)
    assert answer.returncode == 1 and "scope manage everywhere; you have 'read'" in answer.stderr
    assert token not in answer.stderr + answer.stdout
    served.environment["TENON_TOKEN"] = token + "x"
    answer = served.cli("status", check=False)
    assert answer.returncode == 1 and "This token is not known here" in answer.stderr
    # Whom to trust is never guessed, and no token goes in clear to another machine.
    served.environment = {"TENON_TOKEN": token}
    answer = served.cli("status", "--url", url, check=False)
    assert answer.returncode == 3 and "--ca-file names whom to trust" in answer.stderr
    for far in ("192.0.2.1:80", "127.example.com", "127.0.0.1.example.com:80", "localhost@x"):
        answer = served.cli("status", "--url", "http://" + far, check=False)
        assert answer.returncode == 2 and "could be read on its way: use https" in answer.stderr
    for arguments, words in (
        (["--url", url, "--socket", "/x"], "which of them?"),
        (["--url", "ftp://x"], "is not a URL such as"),
    ):
        answer = served.cli("status", *arguments, check=False)
        assert answer.returncode == 2 and words in answer.stderr, answer
