# SPDX-License-Identifier: Apache-2.0
"""One action, reached from wherever an action can be called: equal results and equal errors.

A way is a row in WAYS: a function of the daemon, the action's name and its arguments, which gives
("done", the result) or ("failed", the error's class, what the caller is told). A new surface is
one more row."""
import json

import pytest
from daemon import TOP, Tenon, build_plugin, wait_for
from mcp import Bridge, modern

NO_RECORDS = "\n[select]\nselector = none\n"


def by_command_line(tenon, action, arguments):
    words = [
        "%s=%s" % (name, value if isinstance(value, str) else json.dumps(value))
        for name, value in arguments.items()
    ]
    run = tenon.cli("call", action, *words, "--json", check=False)
    if run.returncode == 0:
        return "done", json.loads(run.stdout)["result"]
    problem = json.loads(run.stderr)
    plain = tenon.cli("call", action, *words, check=False)
    assert (plain.returncode, plain.stderr) == (1, "tenon: %s\n" % problem["detail"])
    return "failed", problem["code"], problem["detail"]


def by_http(tenon, action, arguments):
    integration, name = action.split(".")
    answer = tenon.post(
        "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
    )
    return ("done", answer.json["result"]) if answer.status == 200 else fail_of(answer)


def by_another_integration(tenon, action, arguments):
    answer = tenon.post(
        "/api/v1/integrations/relay/actions/call",
        json.dumps({"action": action, "arguments": arguments}),
    )
    return ("done", answer.json["result"]) if answer.status == 200 else fail_of(answer)


def by_mcp_over_http(tenon, action, arguments):
    name = action.replace(".", "_", 1)
    return told(modern(tenon, "tools/call", name=name, arguments=arguments).json)


BRIDGES = []  # tenon mcp, begun at the first call, ended with the daemon


def by_mcp_over_stdio(tenon, action, arguments):
    if not BRIDGES:
        BRIDGES.append(Bridge(tenon))
    name = action.replace(".", "_", 1)
    return told(BRIDGES[0].ask("tools/call", name=name, arguments=arguments))


def told(answer):
    # JSON by hand: the official client's numbers end at 2^53.
    if "error" in answer:
        return "failed", "not_found", answer["error"]["message"]
    result = answer["result"]
    if result["isError"]:
        return "failed", result["structuredContent"]["code"], result["structuredContent"]["detail"]
    return "done", result["structuredContent"]


def fail_of(answer):
    return "failed", answer.json["code"], answer.json["detail"]


WAYS = {
    "command line": by_command_line,
    "HTTP": by_http,
    "another integration": by_another_integration,
    "MCP over HTTP": by_mcp_over_http,
    "MCP over stdio": by_mcp_over_stdio,
}

RESULTS = [
    ("calc.add", {"a": 40, "b": 2}, 42),
    ("calc.add", {"a": -(2**63), "b": 2**63 - 1}, -1),
    ("calc.divide", {"a": 1, "b": 3}, 1 / 3),
    ("calc.convert", {"value": 100, "from": "celsius"}, {"value": 373.15, "unit": "kelvin"}),
    ("deeds.repeat", {"text": 'a "b"\n\u00e9'}, 'a "b"\n\u00e9'),
    ("deeds.nothing", {}, None),
]
ERRORS = [
    ("calc.add", {"a": 1}, "validation", "parameter 'b' is missing; expected integer"),
    (
        "calc.add",
        {"a": 1, "b": 2, "c": 3},
        "validation",
        "there is no parameter 'c'; add takes a, b",
    ),
    (
        "calc.add",
        {"a": 1.5, "b": 2},
        "validation",
        "parameter 'a': expected integer, came number 1.5",
    ),
    ("calc.add", {"a": 2**63 - 1, "b": 1}, "validation", "the sum does not fit 64 bits"),
    ("calc.divide", {"a": 1, "b": 0}, "validation", "b is 0, and nothing can be divided by it"),
    (
        "calc.subtract",
        {},
        "not_found",
        "Integration 'calc' has no action 'subtract'; it has add, divide, convert.",
    ),
    (
        "deeds.echo",
        {"count": 101},
        "validation",
        "parameter 'count': '101' is out of range (1 to 100)",
    ),
    (
        "deeds.fail",
        {"class_number": 4, "words": "slower, please"},
        "rate-limited",
        "slower, please",
    ),
    (
        "deeds.misbehave",
        {"how": "odd_status"},
        "permanent",
        "action returned 77, which is no status of tenon.h",
    ),
]


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """tenond with the calculator, actions that go wrong, and a relay between integrations."""
    folder = tmp_path_factory.mktemp("ways")
    folder.chmod(0o755)
    daemon = Tenon(folder)
    more = folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    build_plugin(TOP / "examples/relay/relay.c", more / "relay.so")
    build_plugin(TOP / "tests/e2e/plugins/deeds.c", more / "deeds.so")
    daemon.host_ini(plugins=[more])
    for name, plugin in [("calc", "calculator"), ("relay", "relay"), ("deeds", "deeds")]:
        daemon.ini(name, "[integration]\nplugin = %s\nmcp = write\n" % plugin + NO_RECORDS)
    with open(daemon.conf / "tenon.ini", "a", encoding="utf-8") as ini:
        ini.write("\n[mcp]\naccess = write\n")
    daemon.start()
    for name in ("calc", "relay", "deeds"):
        wait_for(lambda: daemon.integration(name)["state"] == "active", name)
    yield daemon
    while BRIDGES:
        assert BRIDGES.pop().close() == 0
    assert daemon.stop() == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("action,arguments,result", RESULTS)
def test_results_are_equal(reached, way, action, arguments, result):
    assert WAYS[way](reached, action, arguments) == ("done", result)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("action,arguments,kind,words", ERRORS)
def test_errors_are_equal(reached, way, action, arguments, kind, words):
    if way.startswith("MCP") and "has no action" in words:
        # A tool that is not there is an error of the protocol, in the protocol's words.
        words = "Unknown tool: there is no 'calc_subtract', or it is not open to MCP"
    if way == "another integration" and kind == "not_found":
        kind = "unsupported"  # a plugin is told one of tenon.h
    assert WAYS[way](reached, action, arguments) == ("failed", kind, words)
