# SPDX-License-Identifier: Apache-2.0
"""The plugin's own mapping of what comes to /hooks/NAME: what it sees, what becomes of what it
writes, and that nothing it does costs more than its own delivery."""
import hashlib
import hmac
import http.client
import json
import pathlib
import shutil

import pytest
from daemon import BUILD, PATIENCE, SANITIZED, Answer, build_plugin, wait_for

SECRET = "the secret of the test, long enough"
HOOK = (
    "[select]\nselector = none\n[hook]\nscheme = github\nsecret = ${env:HOOK_SECRET}\n"
)
SOURCE = pathlib.Path(__file__).parent / "plugins/mapper.c"


@pytest.fixture
def mapped(tenon):
    """A daemon with the mapper as integration `in`, the hook open."""
    plugins = tenon.folder / "plugins"
    build_plugin(SOURCE, plugins / "mapper.so")
    tenon.host_ini(plugins=[plugins])
    tenon.environment["HOOK_SECRET"] = SECRET
    tenon.ini("in", "[integration]\nplugin = mapper\ncall_timeout = 1s\n" + HOOK)
    return tenon


def send(tenon, body, content="application/json", delivery="d-1", name="in"):
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex(),
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": "push",
        "Content-Type": content,
        "Authorization": "Bearer of-nobody's-business",
    }
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=60 * PATIENCE)
    try:
        connection.request("POST", "/hooks/" + name, body, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def entities(tenon):
    return {entity["id"]: entity for entity in tenon.get("/api/v1/entities").json["items"]}


def test_the_mapping_sees_the_delivery_and_no_credentials(mapped):
    mapped.start()
    assert send(mapped, b"a,b\n1,\xc3\xbc\n", "text/csv; header=present").status == 200
    entity = entities(mapped)["d-1"]
    seen = entity["data"]
    assert entity["type"] == "push"
    assert (seen["id"], seen["event"]) == ("d-1", "push")
    assert (seen["content_type"], seen["body"]) == ("text/csv; header=present", "a,b\n1,ü\n")
    assert "x-github-delivery: d-1\n" in seen["headers"]
    assert "authorization" not in seen["headers"] and "signature" not in seen["headers"]
    assert SECRET not in json.dumps(seen)


def test_what_it_writes_is_stored_or_refused(mapped):
    mapped.start()
    assert send(mapped, {"do": "many"}).json["created"] == 2
    for number, what in enumerate(("skip", "nothing")):
        answer = send(mapped, {"do": what}, delivery="s-%d" % number)
        assert (answer.status, answer.json["created"]) == (200, 0), answer
    for what, words in (
        ("refuse", "this one cannot be used"),
        ("rubbish", "no JSON"),
        ("bare", '"data"'),
        ("flood", "16 MiB"),
    ):
        answer = send(mapped, {"do": what}, delivery=what)
        assert (answer.status, answer.json["code"]) == (422, "not_mapped"), answer
        assert words in answer.json["detail"], answer
    answer = send(mapped, {"do": "later"}, delivery="later")
    assert (answer.status, answer.json["detail"]) == (503, "not just now"), answer
    assert set(entities(mapped)) == {"a", "2"}
    assert send(mapped, {"do": "many"}).json["outcome"] == "duplicate"


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's own handler takes the signal")
def test_a_crash_costs_the_delivery_alone(mapped):
    mapped.start()
    answer = send(mapped, {"do": "crash"})
    assert answer.status == 503 and "SIGSEGV" in answer.json["detail"], answer
    assert "webhook's map" in answer.json["detail"]
    wait_for(lambda: send(mapped, {"do": "many"}, delivery="d-2").status == 200, "the next worker")
    assert set(entities(mapped)) == {"a", "2"}


def test_a_mapping_that_hangs_is_ended(mapped):
    mapped.start()
    answer = send(mapped, {"do": "hang"})
    assert answer.status == 503, answer
    wait_for(lambda: send(mapped, {"do": "many"}, delivery="d-2").status == 200, "the next worker")


def test_the_example(tenon):
    folder = tenon.folder / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(BUILD / "examples/shop.so", folder / "shop.so")
    tenon.host_ini(plugins=[folder])
    tenon.environment["HOOK_SECRET"] = SECRET
    tenon.ini("in", "[integration]\nplugin = shop\n" + HOOK)
    tenon.start()
    assert send(tenon, {"order": {"number": 7, "total": 9}}).json["created"] == 1
    assert send(tenon, {"hello": 1}, delivery="d-2").json["created"] == 0
    answer = send(tenon, {"order": {}}, delivery="d-3")
    assert (answer.status, answer.json["detail"]) == (422, "an order without its number")
    assert entities(tenon)["order-7"]["data"] == {"number": 7, "total": 9}
