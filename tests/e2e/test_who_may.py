# SPDX-License-Identifier: Apache-2.0
"""Who may ask what: tokens with scopes on the port, users on the Unix socket, and web pages that
have no business here. A token is a secret: nothing that is kept or logged has it."""
import contextlib
import http.client
import json
import re
import shutil
import socket
import stat
import subprocess
import sys

import pytest
from daemon import BUILD, PATIENCE, TOP, build_plugin, wait_for
from live import Live

NOBODY = 65533  # neither root nor anybody whom a test runs as


def ask(tenon, path, token=None, method="GET", body=None, headers=None):
    """By the port: (status, the answer's JSON)."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = "Bearer " + token
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=30 * PATIENCE)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host="Host" in sent)
        text = b"" if body is None else json.dumps(body).encode()
        for name, value in {**sent, "Content-Length": str(len(text))}.items():
            connection.putheader(name, value)
        connection.endheaders(text)
        response = connection.getresponse()
        answer = response.read()
        kind = response.getheader("Content-Type", "")
        return response.status, json.loads(answer) if "json" in kind else answer.decode()


def make(tenon, name, *scopes, expires=None):
    more = [] if expires is None else ["--expires", expires]
    for scope in scopes:
        more += ["--scope", scope]
    text = tenon.cli("token", "create", name, *more).stdout
    assert re.fullmatch(r"tenon_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\n", text)
    return text.strip()


def refused(tenon):
    text = tenon.get("/metrics").body.decode()
    return {
        reason: int(count)
        for reason, count in re.findall(r'tenon_api_refused_total\{reason="(\w+)"\} (\d+)', text)
    }


@pytest.fixture
def two(tenon, receiver):
    """A tenond with the integrations a and b."""
    tenon.webhook("a", receiver.url("/a"))
    tenon.webhook("b", receiver.url("/b"))
    return tenon.start()


def test_a_token_opens_what_its_scope_says(two):
    token = make(two, "watcher", "read")
    assert ask(two, "/api/v1/entities", token)[0] == 200
    assert ask(two, "/metrics", token)[0] == 200
    status, answer = ask(two, "/api/v1/entities", token, "POST", {"id": "e-1"})
    assert (status, answer["code"]) == (403, "scope")
    assert answer["detail"] == "This wants the scope submit everywhere; you have 'read'."
    for method, path in (
        ("POST", "/api/v1/reload"),
        ("POST", "/api/v1/integrations/a/deactivate"),
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/watcher"),
    ):
        assert ask(two, path, token, method)[0] == 403, path
    # To submit is not to read what others submitted; to manage is all of it.
    token = make(two, "shop", "submit")
    assert ask(two, "/ingest", token, "POST", {"id": "e-2"})[0] in (200, 201, 202)
    assert ask(two, "/api/v1/entities/e-2", token)[0] == 403
    token = make(two, "admin", "manage")
    assert ask(two, "/api/v1/integrations/b/deactivate", token, "POST")[0] == 200
    assert "deactivated by admin" in two.integration("b")["words"]  # not by the API as such
    assert ask(two, "/api/v1/entities/e-2", token)[0] == 200
    assert ask(two, "/api/v1/reload", token, "POST")[0] == 200


def test_a_scope_may_be_for_some_integrations(two):
    token = make(two, "partner", "read:a", "submit:a")
    names = [row["name"] for row in ask(two, "/api/v1/integrations", token)[1]["items"]]
    assert names == ["a"]
    assert ask(two, "/api/v1/integrations/a", token)[0] == 200
    assert ask(two, "/api/v1/submissions?integration=a", token)[0] == 200
    for path in (  # one and the same, by its three names
        "/api/v1/integrations/a/trigger",
        "/api/v1/trigger-integration/a",
        "/trigger-integration/a",
    ):
        status, answer = ask(two, path, token, "POST", {})
        assert (status, answer["integration"]) == (202, "a"), path
    status, answer = ask(two, "/api/v1/integrations/b", token)
    assert (status, answer["detail"]) == (
        403,
        "This wants the scope read:b, or read everywhere; you have 'read:a submit:a'.",
    )
    for method, path in (
        ("GET", "/api/v1/integrations/b/logs"),
        ("POST", "/api/v1/integrations/b/trigger"),
        ("POST", "/api/v1/trigger-integration/b"),
        ("POST", "/trigger-integration/b"),
        ("POST", "/api/v1/integrations/a/deactivate"),
        ("GET", "/api/v1/submissions"),
        ("GET", "/api/v1/submissions?integration=b"),
        ("GET", "/api/v1/submissions?integration=b&integration=a"),
        ("GET", "/api/v1/integrations/%62/logs"),
        ("GET", "/api/v1/entities"),
        ("GET", "/api/v1/status"),
        ("POST", "/ingest"),
    ):
        assert ask(two, path, token, method)[0] == 403, path


def test_an_action_wants_the_scope_of_its_declaration(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    build_plugin(TOP / "tests/e2e/plugins/deeds.c", more / "deeds.so")
    tenon.host_ini(plugins=[more])
    for name, plugin in (("calc", "calculator"), ("deeds", "deeds")):
        tenon.ini(name, "[integration]\nplugin = %s\n[select]\nselector = none\n" % plugin)
    tenon.start()
    for name in ("calc", "deeds"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    add = "/api/v1/integrations/calc/actions/add"  # read-only
    numbers = {"a": 40, "b": 2}
    tokens = {}
    deed = "/api/v1/integrations/deeds/actions/nothing"  # not said to be
    for scope, may_add, may_do in (
        ("read:calc", True, False),
        ("read:deeds", False, False),
        ("submit:deeds", False, True),
        ("submit:calc", False, False),
        ("read", True, False),
        ("submit", False, True),
        ("manage:calc", True, False),
    ):
        token = tokens[scope.replace(":", "-")] = make(tenon, scope.replace(":", "-"), scope)
        assert ask(tenon, add, token, "POST", numbers)[0] == (200 if may_add else 403), scope
        assert ask(tenon, deed, token, "POST", {})[0] == (200 if may_do else 403), scope
    # Nor is it told what there is to those whom it does not concern.
    for name, sees_calc in (("read-calc", True), ("submit-calc", True), ("submit-deeds", False)):
        status, answer = ask(tenon, "/api/v1/openapi.json", tokens[name])
        assert status == 200 and (add in answer["paths"]) == sees_calc, name
        assert (deed in answer["paths"]) != sees_calc, name
    # What one may call one may look up, as the client does before it calls.
    tenon.environment["TENON_TOKEN"] = tokens["submit-deeds"]
    url = ["--url", "http://127.0.0.1:%d" % tenon.port]
    assert tenon.cli("call", "deeds.nothing", *url).stdout == "null\n"
    assert "deeds.nothing" in tenon.cli("action", "list", *url).stdout
    assert "calc.add" not in tenon.cli("action", "list", *url).stdout
    run = tenon.cli("call", "calc.add", "a=1", "b=2", *url, check=False)
    assert run.returncode == 1 and "you have 'submit:deeds'" in run.stderr
    token = make(tenon, "stranger", "submit:elsewhere")
    for path in ("calc/actions/none", "nobody/actions/none"):
        status, answer = ask(tenon, "/api/v1/integrations/" + path, token, "POST", {})
        assert (status, answer["code"]) == (403, "scope"), path


def test_only_who_manages_everything_writes_an_ini(two):
    update = {"operation": "update", "sections": {"settings": {"path": "/elsewhere"}}}
    one = make(two, "one", "manage:a")
    every = make(two, "every", "manage")
    path = "/api/v1/integrations/a/manage"
    assert ask(two, path, one, "POST", {"operation": "test"})[0] == 200
    status, answer = ask(two, path, one, "POST", update)
    assert (status, answer["code"]) == (403, "scope"), answer
    assert "/elsewhere" not in (two.conf / "a.ini").read_text()
    assert ask(two, path, every, "POST", update)[0] == 200
    assert "/elsewhere" in (two.conf / "a.ini").read_text()


def test_nothing_large_is_taken_from_nobody(two):
    make(two, "first", "read")
    for head in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", two.port), timeout=30 * PATIENCE) as peer:
            request = "POST /api/v1/entities HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % head
            peer.sendall(request.encode())  # and no body
            answer = peer.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 401 ") and b'"no_token"' in answer, answer


def test_from_the_first_token_on_the_port_wants_one(two):
    assert ask(two, "/api/v1/status")[0] == 200
    token = make(two, "first", "read")
    status, answer = ask(two, "/api/v1/status")
    assert (status, answer["code"]) == (401, "no_token")
    assert "tenon token create" in answer["detail"]
    assert ask(two, "/no/such/path")[0] == 401
    assert ask(two, "/health")[0] == 200  # says nothing but that it is well
    for wrong in (token[:-1] + "_", token + "A", token.upper(), "", "x", "tenon_"):
        status, answer = ask(two, "/api/v1/status", wrong)
        assert status == 401, wrong
    two.cli("token", "revoke", "first")
    assert ask(two, "/api/v1/status", token)[0] == 401
    assert ask(two, "/api/v1/status")[0] == 401
    two.kill()
    two.start()
    assert ask(two, "/api/v1/status")[0] == 401
    counts = refused(two)
    assert counts["no_token"] == 1 and counts["bad_token"] == 0


def test_nothing_that_is_kept_has_the_token(two):
    token = make(two, "kept", "manage")
    assert ask(two, "/api/v1/status", token)[0] == 200
    assert ask(two, "/api/v1/status", token + "x")[0] == 401
    listed = two.cli("token", "list", "--json").stdout
    two.cli("token", "list")
    assert two.stop() == 0
    kept = two.state / "tokens"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secret = token[len("tenon_12345678_") :].encode()
    for path in (kept, two.log, two.state / "tenon.db"):
        assert secret not in path.read_bytes(), path
    assert secret.decode() not in listed
    row = json.loads(kept.read_text())
    assert row["name"] == "kept" and row["used_ms"] > 0 and token.startswith(row["prefix"])


def test_tokens_and_their_end_outlive_a_kill(two):
    stays = make(two, "stays", "read")
    goes = make(two, "goes", "read")
    two.cli("token", "revoke", "goes")
    two.kill()
    two.start()
    assert ask(two, "/api/v1/status", stays)[0] == 200
    status, answer = ask(two, "/api/v1/status", goes)
    assert (status, answer["code"]) == (401, "bad_token")
    assert [row["name"] for row in two.get("/api/v1/tokens").json["items"]] == ["stays"]


def test_a_token_ends_by_itself(two):
    token = make(two, "short", "read", expires="2s")
    assert ask(two, "/api/v1/status", token)[0] == 200
    wait_for(lambda: ask(two, "/api/v1/status", token)[0] == 401, "the token to end")
    (row,) = two.get("/api/v1/tokens").json["items"]
    assert row["state"] == "expired"
    assert "expired" in two.cli("token", "list").stdout


def test_a_live_view_ends_with_its_token(two):
    token = make(two, "viewer", "read:a")
    connection = http.client.HTTPConnection("127.0.0.1", two.port, timeout=30 * PATIENCE)
    connection.request(
        "GET", "/api/v1/integrations/a/tap", headers={"Authorization": "Bearer " + token}
    )
    response = connection.getresponse()
    assert response.status == 200
    two.add({"id": "e-1"})
    assert response.readline()
    two.cli("token", "revoke", "viewer")
    response.read()  # to its end, which is what is waited for
    connection.close()


def test_a_websocket_goes_by_the_same_door(two):
    def connect(headers):
        return Live(two, headers=headers, port=two.port)

    token = make(two, "page", "read:a")
    assert connect("").status == 401
    assert connect("Authorization: Bearer %sx\r\n" % token).status == 401
    # A page of ours, by the one way that pages have to give a token; and somebody else's page.
    offer = "Sec-WebSocket-Protocol: tenon, tenon.token.%s\r\n" % token
    assert connect(offer + "Origin: http://evil.example\r\n").status == 403
    live = connect(offer + "Origin: http://localhost\r\n")
    assert live.status == 101 and "sec-websocket-protocol: tenon\r\n" in live.head + "\r\n"
    assert token not in live.head
    two.cli("token", "revoke", "page")
    with contextlib.suppress(ConnectionResetError):
        while live.socket.recv(4096):  # to its end, which is what is waited for
            pass
    live.close()
    assert connect(offer).status == 401


def test_what_is_no_token_is_explained(two):
    make(two, "taken", "read")
    for arguments, words in (
        (["x"], "what may it do? --scope read, submit or manage"),
        (["x", "--scope", "write"], "scope 'write' is not read, submit or manage"),
        (["x", "--scope", "read:"], "names no integration behind its ':'"),
        (["x", "--scope", "read", "--expires", "soon"], "'soon' is not a duration such as 90d"),
        (["x", "--scope", "read", "--expires", "2020-01-01"], "'2020-01-01' is over already"),
        (["a b", "--scope", "read"], "'a b' is not a name for a token"),
        (["taken", "--scope", "read"], "there is a token 'taken' already"),
    ):
        answer = two.cli("token", "create", *arguments, check=False)
        assert answer.returncode in (1, 2) and words in answer.stderr, answer
    answer = two.cli("token", "revoke", "token", check=False)
    assert answer.returncode == 1 and "perhaps 'taken' was meant" in answer.stderr
    assert two.post("/api/v1/tokens", "[]").status == 400
    assert two.post("/api/v1/tokens", '{"name": 1}').status == 400


def test_a_damaged_file_of_tokens_stops_the_start(two):
    make(two, "one", "read")
    assert two.stop() == 0
    kept = two.state / "tokens"
    good = kept.read_text()
    for bad in (good + "rubbish\n", good + good, good.replace('"read"', '"all"')):
        kept.write_text(bad)
        two.start(wait=False)
        assert two.process.wait(30 * PATIENCE) != 0
        assert "this is not a token as `tenon token create` writes it" in two.log_text()
    kept.write_text(good)
    two.start()


def test_a_token_that_cannot_be_kept_is_not_given(two):
    (two.state / "tokens").mkdir()  # nothing can be put in its place
    answer = two.cli("token", "create", "lost", "--scope", "read", check=False)
    assert answer.returncode == 1 and "tenon_" not in answer.stdout, answer
    assert two.get("/api/v1/tokens").json["items"] == []
    assert ask(two, "/api/v1/status")[0] == 200  # there never was one
    (two.state / "tokens").rmdir()
    assert ask(two, "/api/v1/status", make(two, "kept", "read"))[0] == 200


def test_the_operators_token_and_what_goes_without(two):
    secret = two.folder / "operator"
    secret.write_text("an-operator-has-this\n")
    two.host_ini(api="token = ${file:%s}\n" % secret)
    two.cli("reload")
    wait_for(lambda: ask(two, "/api/v1/status")[0] == 401, "the token to be asked for")
    assert ask(two, "/api/v1/tokens", "an-operator-has-this")[0] == 200
    assert ask(two, "/api/v1/tokens", "an-operator-has-thiS")[0] == 401
    two.host_ini(api="token = ${file:%s}\nwithout_token = read:a\n" % secret)
    two.cli("reload")
    assert ask(two, "/api/v1/integrations/a")[0] == 200
    assert ask(two, "/api/v1/integrations/b")[0] == 403
    assert ask(two, "/api/v1/integrations/b", "wrong")[0] == 401
    assert "an-operator-has-this" not in two.log_text()
    assert "an-operator-has-this" not in two.cli("config", "show", "--all").stdout


def test_beyond_this_machine_every_request_needs_a_token(tenon):
    ini = tenon.conf / "tenon.ini"
    ini.write_text(ini.read_text().replace("listen = 127.0.0.1", "listen = 0.0.0.0"))
    tenon.start()
    assert ask(tenon, "/api/v1/status")[0] == 401
    token = make(tenon, "far", "read")
    assert ask(tenon, "/api/v1/status", token)[0] == 200
    ini.write_text(ini.read_text().replace("[api]", "[api]\nwithout_token = read"))
    answer = tenon.cli("config", "check", check=False)
    assert "is reachable from other machines, and every request there needs a token" in (
        answer.stdout + answer.stderr
    )


@pytest.mark.parametrize("edit", ["moved", "gone", "without_token"])
def test_an_open_port_stays_closed_until_the_restart(tenon, edit):
    """What listens goes on listening where it did, whatever `listen` says by now."""
    ini = tenon.conf / "tenon.ini"
    here = "listen = 127.0.0.1:%d\n" % tenon.port
    before = ini.read_text()
    assert here in before
    ini.write_text(before.replace("127.0.0.1", "0.0.0.0"))
    tenon.start()
    assert ask(tenon, "/api/v1/status")[0] == 401
    if edit == "without_token":
        here += "without_token = read\n"
    ini.write_text(before.replace("listen = 127.0.0.1:%d\n" % tenon.port, here * (edit != "gone")))
    answer = tenon.cli("reload", check=False)
    assert ask(tenon, "/api/v1/status")[0] == 401
    if edit == "without_token":
        assert "until tenond is restarted the port is open to other machines" in answer.stdout
    tenon.stop()
    tenon.start()
    if edit != "gone":
        assert ask(tenon, "/api/v1/status")[0] == 200


def test_web_pages_get_nowhere(two):
    def status(token=None, path="/api/v1/status", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        code, answer = ask(two, path, token, headers=headers)
        return code if code == 200 else answer["code"]

    here = "127.0.0.1:%d" % two.port
    assert status(Host=here) == 200
    assert status(Host="LocalHost:%d" % two.port) == 200
    assert status(Host=here, Origin="http://" + here) == 200
    assert status(Host=here, Origin="http://evil.example") == "foreign_origin"
    assert status(Host=here, Origin="null") == "foreign_origin"
    # Rebinding: the page's own name leads here, so the page is of the "same origin".
    evil = "evil.example:%d" % two.port
    assert status(Host=evil, Origin="http://" + evil) == "foreign_host"
    assert status(Host=evil) == "foreign_host"
    assert status(Host="10.0.0.5") == "foreign_host"
    assert status(path="/health", Host=evil) == 200  # no page: a probe, or a sender of hooks
    assert status(path="/health", Host=evil, Origin="http://" + evil) == "foreign_host"
    token = make(two, "dash", "read")
    assert status(token, Host=evil) == "foreign_host"
    assert status(token, Host="10.0.0.5") == 200
    assert status(token, Host=here, Origin="https://dash.example") == "foreign_origin"
    two.host_ini(api="hosts = tenon.example.com, other\norigins = https://dash.example\n")
    two.cli("reload")
    assert status(token, Host=here, Origin="https://dash.example") == 200
    assert status(token, Host="tenon.example.com") == 200
    assert status(token, Host="tenon.example.com", Origin="https://tenon.example.com") == 200
    assert status(token, Host="tenon.example.com.evil.example") == "foreign_host"
    assert status(Host="other:80") == "no_token"
    counts = refused(two)
    assert counts["foreign_host"] == 6 and counts["foreign_origin"] == 3


AS_ANOTHER = """
import os, socket, sys
os.setgroups([int(one) for one in sys.argv[3].split(",") if one])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
except PermissionError:
    sys.exit("not let at the file")
peer.sendall(b"%s %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
             b"Content-Length: 0\\r\\n\\r\\n" % (sys.argv[4].encode(), sys.argv[5].encode()))
while piece := peer.recv(65536):
    sys.stdout.write(piece.decode())
"""


def as_another(tenon, method, path, groups=""):
    run = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, str(tenon.socket), str(NOBODY), groups, method, path],
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    return run.stderr.strip() if run.returncode != 0 else run.stdout


def test_who_may_not_use_the_socket_is_told_so(tenon, needs_root):
    tenon.folder.chmod(0o755)
    client = tenon.folder / "tenon"
    shutil.copy(BUILD / "host/tenon", client)
    tenon.start()
    run = subprocess.run(
        [str(client), "status", "--socket", str(tenon.socket)],
        user=NOBODY,
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    assert run.returncode == 3
    assert run.stderr.endswith(
        "Permission denied; root and the user of tenond may use it, and whom [api] socket_group "
        "and socket_users name\n"
    )


def test_the_socket_knows_its_users(tenon, needs_root):
    tenon.folder.chmod(0o755)
    tenon.start()
    assert as_another(tenon, "GET", "/api/v1/status") == "not let at the file"
    tenon.stop()
    tenon.host_ini(api="socket_users = 4711\n")
    tenon.start()
    answer = as_another(tenon, "GET", "/api/v1/status")
    assert answer.startswith("HTTP/1.1 403") and "foreign_user" in answer
    assert "User %d may not use this socket" % NOBODY in answer
    assert refused(tenon)["foreign_user"] == 1
    tenon.stop()
    tenon.host_ini(api="socket_users = 4711, %d\nsocket_scope = read\n" % NOBODY)
    tenon.start()
    assert as_another(tenon, "GET", "/api/v1/status").startswith("HTTP/1.1 200")
    assert as_another(tenon, "POST", "/api/v1/reload").startswith("HTTP/1.1 403")
    assert tenon.post("/api/v1/reload").status == 200
    tenon.stop()
    tenon.host_ini(api="socket_group = 4712\n")
    tenon.start()
    facts = tenon.socket.stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_gid) == (0o660, 4712)
    assert as_another(tenon, "GET", "/api/v1/status") == "not let at the file"
    assert as_another(tenon, "POST", "/api/v1/reload", "4711,4712").startswith("HTTP/1.1 200")
