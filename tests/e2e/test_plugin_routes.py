# SPDX-License-Identifier: Apache-2.0
"""What a plugin serves under /routes: requests arrive whole and without credentials, answers leave
as the plugin wrote them; a slow, a crashed and a lying one are 504, 502 and refused, and hurt
nobody else."""
import http.client
import json
import socket
import threading
import time

import pytest
from daemon import PATIENCE, TOP, UnixConnection, build_plugin, wait_for

NO_RECORDS = "\n[select]\nselector = none\n"
ROUTES = "/api/v1/integrations/talk/routes"


@pytest.fixture
def serving(tenon):
    more = tenon.folder / "more"
    build_plugin(TOP / "tests/e2e/plugins/talker.c", more / "talker.so")
    build_plugin(TOP / "examples/wordcount/wordcount.c", more / "wordcount.so")
    tenon.host_ini(plugins=[more])
    for name, plugin in (("talk", "talker"), ("routes", "wordcount")):
        tenon.ini(name, "[integration]\nplugin = %s\n%s" % (plugin, NO_RECORDS))
    tenon.start()
    for name in ("talk", "routes"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def add_works(tenon):
    answer = tenon.post("/api/v1/integrations/talk/actions/add", '{"a":40,"b":2}')
    return answer.json == {"result": 42}


def test_a_request_arrives_whole(serving):
    answer = serving.call(
        "POST",
        ROUTES + "/mirror?a=b%20c&d",
        body="the body",
        content_type="text/x",
        headers={"X-Mine": "1", "Authorization": "Bearer secret", "Cookie": "secret=1"},
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain" and answer.headers["x-own"] == "yes"
    text = answer.body.decode()
    assert text.startswith("POST /mirror ?a=b%20c&d\n") and text.endswith("\nthe body")
    assert "\nx-mine: 1\n" in text and "\ncontent-type: text/x\n" in text
    assert "secret" not in text
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_a_page_at_the_root_finds_what_lies_beside_it(serving):
    # Its links are relative: without the slash a browser would look for them one level up.
    root = "/api/v1/integrations/routes/routes"
    assert b"fetch('count'" in serving.ask("GET", root + "/").body
    for method in ("GET", "HEAD"):
        answer = serving.ask(method, root + "?a=b")
        assert (answer.status, answer.headers["location"]) == (301, root + "/?a=b")
    assert serving.ask("GET", ROUTES).status == 404  # it has nothing there
    assert serving.ask("POST", root).status == 405


def test_parameters_of_the_path(serving):
    for path, parameters in [
        ("/two/a%2Fb/and/%C3%BC", "[a/b] [ü]"),
        ("/files/a/b/c.txt", "[a/b/c.txt]"),
        ("/files/", "[]"),
        ("/files", "[]"),
        ("/files/..x/.y", "[..x/.y]"),
    ]:
        answer = serving.get(ROUTES + path)
        assert answer.status == 200, (path, answer)
        assert answer.body.decode().split("\n")[0].endswith("? " + parameters), (path, answer)
    for path in ("/two/a/and", "/two//and/b", "/two/a/and/b/", "/Mirror", "/mirror/", "//mirror"):
        assert serving.get(ROUTES + path).status == 404, path
    for path in ("/files/../x", "/files/a/%2e%2E/b", "/files/%00", "/files/%zz", "/files/%ff"):
        assert serving.get(ROUTES + path).status == 400, path


def test_methods(serving):
    answer = serving.call("DELETE", ROUTES + "/mirror")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    answer = serving.call("OPTIONS", ROUTES + "/mirror")
    assert answer.status == 204 and answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    answer = serving.call("HEAD", ROUTES + "/mirror")
    assert answer.status == 200 and answer.body == b"" and answer.headers["x-own"] == "yes"
    answer = serving.call("HEAD", ROUTES + "/bytes/10000000")
    assert answer.status == 200 and answer.body == b""
    assert serving.get("/api/v1/integrations/nobody/routes/x").status == 404


def test_refusals_keep_their_class(serving):
    answer = serving.get(ROUTES + "/refusal/unsupported")
    assert answer.status == 501 and answer.json["detail"] == "not here"
    answer = serving.get(ROUTES + "/refusal/rate")
    assert answer.status == 429 and answer.headers["retry-after"] == "3"


def test_bad_heads_are_refused(serving):
    answer = serving.get(ROUTES + "/inject")
    assert (answer.status, answer.body) == (200, b"taken=0")
    assert "x-evil" not in answer.headers


def test_a_long_answer_reaches_a_slow_reader_whole(serving):
    size = 20_000_000
    connection = UnixConnection(str(serving.socket), 60 * PATIENCE)
    connection.request("GET", ROUTES + "/bytes/%d" % size)
    response = connection.getresponse()
    assert response.status == 200 and response.getheader("transfer-encoding") == "chunked"
    seen = 0
    while piece := response.read(1 << 20):
        seen += len(piece)
        if seen < 4 << 20:
            time.sleep(0.3)
            assert add_works(serving)
    assert seen == size
    connection.close()


def test_a_reader_who_stops_gets_no_answer_with_a_hole(serving):
    connection = UnixConnection(str(serving.socket), 60 * PATIENCE)
    connection.request("GET", ROUTES + "/stubborn")
    response = connection.getresponse()
    assert response.status == 200
    wait_for(lambda: "the peer took nothing for" in serving.log_text(), "the reader to be late")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        while response.read(1 << 20):
            pass
    connection.close()
    assert add_works(serving)


def test_an_answer_that_goes_on_and_a_client_that_leaves(serving):
    connection = UnixConnection(str(serving.socket), 60 * PATIENCE)
    connection.request("GET", ROUTES + "/events")
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    for _ in range(3):
        assert response.readline() == b"data: tick\n"
        assert response.readline() == b"\n"
    connection.close()
    # all sixteen places are free again
    for _ in range(20):
        assert serving.get(ROUTES + "/mirror").status == 200
    assert serving.integration("talk")["worker"]["crashes"] == 0


def test_a_slow_one_is_504_and_the_others_go_on(serving):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(serving.get(ROUTES + "/hang")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    assert serving.get(ROUTES + "/mirror").status == 200
    assert add_works(serving)
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [504] * 4, answers
    assert "route GET /hang: nothing came within 500 ms" in answers[0].json["detail"]
    assert "a route of a plugin failed" in serving.log_text()
    assert serving.integration("talk")["worker"]["crashes"] == 0


def test_a_client_that_leaves_before_the_answer(serving):
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(serving.socket))
            peer.sendall(b"GET %s/hang HTTP/1.1\r\nhost: x\r\n\r\n" % ROUTES.encode())
    wait_for(lambda: serving.get(ROUTES + "/mirror").status == 200, "room for another")
    assert add_works(serving)


def test_a_crashed_one_is_502_and_readers_beside_it_are_asked_again(serving):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(serving.get(ROUTES + "/hang")))
    thread.start()
    answer = serving.post(ROUTES + "/crash", b"x")
    assert answer.status == 502, answer
    assert "SIGSEGV" in answer.json["detail"] and "route POST /crash" in answer.json["detail"]
    assert "route POST /crash" in serving.log_text()
    thread.join()
    assert answers[0].status == 504, answers  # its own fault, in the next worker
    assert serving.integration("talk")["worker"]["crashes"] == 1
    assert add_works(serving)


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(serving):
    connection = UnixConnection(str(serving.socket), 60 * PATIENCE)
    connection.request("GET", ROUTES + "/half")
    response = connection.getresponse()
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()


def test_a_body_that_is_too_large(serving):
    answer = serving.post(ROUTES + "/mirror", b"x" * (70 << 20))
    assert answer.status == 413, answer


def test_they_are_described(serving):
    shown = serving.integration("talk")["routes"]
    assert {"method": "POST", "path": "/mirror", "help": "Tells what came.", "scope": "submit"} in (
        shown
    )
    paths = serving.get("/api/v1/openapi.json").json["paths"]
    mirror = paths[ROUTES + "/mirror"]
    assert set(mirror) == {"get", "post"} and mirror["post"]["x-scope"] == "submit"
    two = paths[ROUTES + "/two/{first}/and/{second}"]["get"]["parameters"]
    assert [parameter["name"] for parameter in two] == ["first", "second"]
    assert paths[ROUTES + "/files/{path}"]["get"]["parameters"][0]["in"] == "path"
    hang = paths[ROUTES + "/hang"]["get"]["responses"]["2XX"]["content"]
    assert hang["application/json"]["schema"] == {"type": "string"}
    assert not any(path.endswith("/...") for path in paths)


def test_inside_the_daemon_it_is_the_same(serving):
    ini = serving.conf / "talk.ini"
    ini.write_text(ini.read_text().replace("talker\n", "talker\nisolation = inprocess\n", 1))
    serving.cli("reload")
    wait_for(lambda: serving.integration("talk")["state"] == "active", "talk inside")
    assert serving.integration("talk")["worker"].get("pid", 0) == 0
    assert serving.get(ROUTES + "/mirror").body.startswith(b"GET /mirror ?")
    assert len(serving.get(ROUTES + "/bytes/1000000").body) == 1000000
    assert serving.get(ROUTES + "/hang").status == 504
    assert serving.cli("talk", "echo", stdin="inside").stdout == "inside"
    assert add_works(serving)


def test_the_example_serves_a_page(serving):
    path = "/api/v1/integrations/routes/routes/"
    answer = serving.get(path)
    assert answer.headers["content-type"].startswith("text/html") and b"<textarea" in answer.body
    again = serving.call("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304 and again.body == b""
    counted = serving.post(path + "count", b"one two\nthree")
    assert counted.json == {"lines": 1, "words": 3, "bytes": 13}
    assert serving.post(path + "count").status == 422
    run = serving.cli("routes", "count", stdin="one two\nthree\n")
    assert run.stdout == "2 lines, 3 words, 14 bytes\n"
    assert json.loads(serving.cli("call", "talk.add", "a=1", "b=2").stdout) == 3
