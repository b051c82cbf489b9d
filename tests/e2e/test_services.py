# SPDX-License-Identifier: Apache-2.0
"""What plugin code asks of the host while a call of its own is under way: one HTTP exchange, under
the same rules as a delivery."""
import json
import os
import signal
import socket
import threading

import pytest
from daemon import TOP, build_plugin, free_port, wait_for

SECRET = "tok-5f2c9a7e41"


@pytest.fixture
def asking(tenon, receiver):
    """tenond with a plugin that asks, and where its requests go."""
    more = tenon.folder / "more"
    build_plugin(TOP / "tests/e2e/plugins/asker.c", more / "asker.so")
    tenon.host_ini(plugins=[more])
    text = "[integration]\nplugin = asker\nbase_url = %s\ncall_timeout = 3s\n"
    text += "[auth]\ntype = bearer\ntoken = ${env:ASKS_TOKEN}\n[select]\nselector = none\n"
    tenon.ini("asks", text % receiver.url("/base"))
    tenon.environment["ASKS_TOKEN"] = SECRET
    tenon.start()
    wait_for(lambda: tenon.integration("asks")["state"] == "active", "the asker")
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def fetch(tenon, **arguments):
    return tenon.post("/api/v1/integrations/asks/actions/fetch", json.dumps(arguments))


def test_one_exchange_with_the_credentials_of_the_ini(asking, receiver):
    answer = fetch(asking, url="/items?x=1", headers="X-One: 1\n", body='{"a":1}')
    assert answer.status == 200, answer
    assert answer.json["result"]["status"] == 200
    assert "content-type: application/json" in answer.json["result"]["headers"]
    seen = receiver.exchanges[-1]
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/base/items?x=1", b'{"a":1}')
    assert seen["headers"]["authorization"] == "Bearer " + SECRET
    assert seen["headers"]["x-one"] == "1"
    assert "idempotency-key" not in seen["headers"]  # it is no delivery


def test_every_answer_is_an_answer(asking, receiver):
    receiver.break_it(status=503)
    answer = fetch(asking, method="PUT", url="/items", body="{}")
    assert answer.json["result"]["status"] == 503, answer
    assert receiver.exchanges[-1]["method"] == "PUT"


def test_a_credential_that_is_echoed_is_masked(asking, receiver):
    receiver.answer = lambda exchange: (200, {}, exchange["headers"]["authorization"].encode())
    answer = fetch(asking, url="/echo", body="{}")
    assert answer.status == 200, answer
    assert SECRET not in str(answer.json) and "*" * len(SECRET) in str(answer.json)


def test_a_request_cannot_be_had_said_back(asking, receiver):
    for method in ("TRACE", "TRACK", "CONNECT"):
        answer = fetch(asking, method=method, url="/")
        assert answer.status == 422 and "method is " + method in answer.json["detail"], answer
    assert receiver.exchanges == []


@pytest.mark.parametrize("kept", [4, 9, len(SECRET) - 1])
def test_a_credential_at_the_cut_of_an_answer_is_masked(asking, receiver, kept):
    """max_response ends the answer in the middle of it."""
    most = 64 * 1024
    padding = "x" * (most - kept)
    receiver.answer = lambda exchange: (
        200,
        {},
        (padding + exchange["headers"]["authorization"].split()[1] + "z" * 9).encode(),
    )
    answer = fetch(asking, url="/echo", body="{}")
    assert answer.status == 200, answer
    assert answer.json["result"]["body"] == padding + "*" * kept


def test_only_hosts_of_the_ini_are_reached(asking, receiver):
    for url, words in [
        ("http://127.0.0.2:1/", "neither that of base_url"),
        ("http://u@127.0.0.1/", "credentials belong in [auth]"),
        ("/a b", "holds a space or control characters"),
        ("/" + "x" * 9000, "longer than"),
    ]:
        answer = fetch(asking, url=url)
        assert answer.status == 422 and words in answer.json["detail"], answer
    for headers, words in [
        ("Authorization: mine\n", "which the host sets itself"),
        ("no header\n", "is not 'Name: value'"),
    ]:
        answer = fetch(asking, url="/", headers=headers)
        assert answer.status == 422 and words in answer.json["detail"], answer
    assert receiver.exchanges == []


def test_nobody_there_and_nobody_answering(asking):
    text = "[integration]\nplugin = asker\ncall_timeout = 2s\nbase_url = http://127.0.0.1:%d\n"
    text += "[select]\nselector = none\n"
    asking.ini("asks", text % free_port())
    asking.cli("reload")
    answer = fetch(asking, url="/")
    assert answer.status == 502 and answer.json["code"] == "connection", answer
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asking.ini("asks", text % silent.getsockname()[1])
        asking.cli("reload")
        answer = fetch(asking, url="/", body="{}", timeout="200ms")
        assert answer.json["code"] == "cancelled", answer
        assert "no answer within 200 ms" in answer.json["detail"]
        answer = fetch(asking, url="/", body="{}")  # ends before the call's own deadline
        assert answer.json["code"] == "cancelled", answer
    assert asking.integration("asks")["worker"]["crashes"] == 0


def test_the_asker_is_killed(asking, receiver):
    came, goes_on = threading.Event(), threading.Event()

    def answer(exchange):
        came.set()
        goes_on.wait(60)
        return 200, {}, b"late"

    receiver.answer = answer
    answers = []
    caller = threading.Thread(target=lambda: answers.append(fetch(asking, url="/", body="{}")))
    caller.start()
    assert came.wait(60)
    os.kill(asking.integration("asks")["worker"]["pid"], signal.SIGKILL)
    caller.join()
    goes_on.set()
    assert answers[0].json["code"] == "unknown", answers
    receiver.answer = None
    wait_for(lambda: asking.integration("asks")["state"] == "active", "the next worker")
    assert fetch(asking, url="/", body="{}").json["result"]["status"] == 200
