# SPDX-License-Identifier: Apache-2.0
"""Integrations that call each other's actions: errors keep their class, nobody waits longer than
its own call may take, and calls that would wait for themselves are refused with the chain."""
import json
import os
import signal
import threading

import pytest
from daemon import TOP, build_plugin, wait_for

NO_RECORDS = "\n[select]\nselector = none\n"


@pytest.fixture
def calling(tenon):
    """tenond with relays that run side by side (r1 to r10), relays that run one at a time (s1, s2),
    and what they call."""
    more = tenon.folder / "more"
    relay = TOP / "examples/relay/relay.c"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    build_plugin(TOP / "tests/e2e/plugins/deeds.c", more / "deeds.so")
    build_plugin(relay, more / "relay.so")
    serial = tenon.folder / "serial.c"
    serial.write_text(
        relay.read_text()
        .replace("plugin->flags = TENON_PER_INTEGRATION;", "")
        .replace('TENON_PLUGIN("relay"', 'TENON_PLUGIN("serial"')
    )
    build_plugin(serial, more / "serial.so")
    tenon.host_ini(plugins=[more])
    plugins = {"calc": "calculator", "deeds": "deeds", "s1": "serial", "s2": "serial"}
    plugins.update({"r%d" % number: "relay" for number in range(1, 11)})
    for name, plugin in plugins.items():
        timeout = "2s" if name == "r2" else "20s"
        text = "[integration]\nplugin = %s\ncall_timeout = %s\n" % (plugin, timeout)
        tenon.ini(name, text + NO_RECORDS)
    tenon.start()
    for name in plugins:
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def call(tenon, path, action, **arguments):
    """`action`, called by r1, which is called by s1 and so on: the path from the outermost."""
    for relay in reversed(path):
        action, arguments = relay + ".call", {"action": action, "arguments": arguments}
    integration, name = action.split(".")
    return tenon.post(
        "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
    )


def test_results_come_through_any_number_of_workers(calling):
    for path in (["r1"], ["s1"], ["r1", "r3"], ["s1", "r1"], ["r1", "s2", "r5"]):
        assert call(calling, path, "calc.add", a=40, b=2).json == {"result": 42}, path


@pytest.mark.parametrize("number", range(1, 11))
def test_errors_keep_their_class_and_words(calling, number):
    straight = call(calling, [], "deeds.fail", class_number=number, words="so it is")
    around = call(calling, ["s1", "r1"], "deeds.fail", class_number=number, words="so it is")
    assert around.status == straight.status
    assert around.json == straight.json
    assert around.headers["retry-after"] == straight.headers["retry-after"]


def test_what_is_not_there_is_said(calling):
    for action, code, words in [
        ("nobody.add", "unsupported", "There is no integration 'nobody'."),
        ("calc.subtract", "unsupported", "'calc' has no action 'subtract'; it has add, divide"),
        ("calc", "validation", "expected the name of an action as INTEGRATION.ACTION"),
        (".add", "validation", "expected the name of an action as INTEGRATION.ACTION"),
    ]:
        answer = call(calling, ["r1"], action)
        assert answer.json["code"] == code and words in answer.json["detail"], answer
    calling.cli("integration", "deactivate", "calc")
    wait_for(
        lambda: call(calling, ["r1"], "calc.add", a=1, b=1).json.get("code") == "connection",
        "calc to be closed",
    )
    answer = call(calling, ["r1"], "calc.add", a=1, b=1)
    assert "its actions can be called once it is active" in answer.json["detail"], answer


def test_calls_that_would_wait_for_themselves_are_refused(calling):
    for path, words in [
        (["r1", "r1"], "r1.call > r1.call is a circle: each would wait for the next"),
        (["r1", "r3", "s1", "r1"], "r1.call > r3.call > s1.call > r1.call is a circle"),
        (["s1", "s2"], "s1.call > s2.call would wait for itself: the thread that it needs"),
        (["s1", "r1", "s2"], "s1.call > r1.call > s2.call would wait for itself"),
        (
            ["r%d" % number for number in range(1, 11)],
            "r9.call > r10.call: more than 8 actions inside one another",
        ),
    ]:
        answer = call(calling, path, "calc.add", a=1, b=1)
        assert (answer.status, answer.json["code"]) == (422, "permanent"), answer
        assert words in answer.json["detail"], answer.json["detail"]
    path = ["r%d" % number for number in range(1, 9)]
    assert call(calling, path, "calc.add", a=1, b=1).json == {"result": 2}


def test_two_that_wait_for_each_other_do_not_wait_for_their_deadline(calling):
    """r1 waits for s1; whoever then comes from s1's side to r1 would close the ring."""
    answers = []

    def ask(path):
        answers.append(call(calling, path, "calc.add", a=1, b=1))

    for _ in range(20):
        threads = [
            threading.Thread(target=ask, args=(path,)) for path in (["r1", "s1"], ["s1", "r1"])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 40
    for answer in answers:
        if answer.status != 200:
            assert "would wait for itself" in answer.json["detail"], answer


def test_the_callers_time_is_the_limit(calling):
    worker = calling.integration("deeds")["worker"]["pid"]
    for action, code in [("deeds.look", "cancelled"), ("deeds.misbehave", "unknown")]:
        answer = call(calling, ["r2"], action, how="slow")
        assert answer.json["code"] == code, answer
        assert "tenon.action/1: no answer within 1" in answer.json["detail"], answer
    # Neither the one that asked nor the one that was slow was ended for it.
    assert calling.integration("r2")["worker"]["crashes"] == 0
    assert call(calling, ["r2"], "calc.add", a=1, b=1).json == {"result": 2}
    wait_for(lambda: call(calling, [], "deeds.nothing").status == 200, "the slow one to be done")
    assert calling.integration("deeds")["worker"]["pid"] == worker


def test_a_crash_on_either_side_is_the_one_calls_own(calling):
    relay = calling.integration("r1")["worker"]["pid"]
    answer = call(calling, ["r1"], "deeds.misbehave", how="crash")
    assert answer.json["code"] == "unknown", answer
    assert "signal 11 (SIGSEGV) in action misbehave, integration deeds" in answer.json["detail"]
    assert calling.integration("r1")["worker"]["pid"] == relay
    wait_for(lambda: call(calling, ["r1"], "deeds.nothing").status == 200, "the next worker")

    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(call(calling, ["s1"], "deeds.look", how="slow"))
    )
    before = calling.integration("deeds")["worker"]["calls"]
    thread.start()
    wait_for(lambda: calling.integration("deeds")["worker"]["calls"] > before, "the call")
    os.kill(calling.integration("s1")["worker"]["pid"], signal.SIGKILL)
    thread.join()
    assert answers[0].status == 502, answers[0]
    wait_for(
        lambda: call(calling, ["s1"], "deeds.repeat", text="on").json == {"result": "on"},
        "both to go on",
    )


def test_arguments_are_not_logged(calling):
    answer = call(calling, ["r1"], "deeds.echo", count=1, key="hush-5f2c9a7e41")
    assert answer.json["result"][6] == len("hush-5f2c9a7e41")
    refused = call(calling, ["r1"], "deeds.echo", count=0, key="hush-5f2c9a7e41")
    assert refused.status == 422 and "hush" not in str(refused.json)
    assert "hush" not in calling.log_text()
