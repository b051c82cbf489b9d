# SPDX-License-Identifier: Apache-2.0
"""One declaration, reached by the command line and by HTTP: the same results, the same refusals,
the class of an error kept, and a crash that hurts nobody else."""
import json

import pytest
from daemon import TOP, build_plugin, wait_for

NO_RECORDS = "\n[select]\nselector = none\n"


@pytest.fixture
def acting(tenon):
    """tenond with the calculator of the examples, and a plugin whose actions go wrong."""
    more = tenon.folder / "more"
    build_plugin(TOP / "examples/calculator/calculator.c", more / "calculator.so")
    build_plugin(TOP / "tests/e2e/plugins/deeds.c", more / "deeds.so")
    tenon.host_ini(plugins=[more])
    tenon.ini("calc", "[integration]\nplugin = calculator\n" + NO_RECORDS)
    tenon.ini("deeds", "[integration]\nplugin = deeds\ncall_timeout = 1s\n" + NO_RECORDS)
    tenon.start()
    for name in ("calc", "deeds"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    yield tenon
    if tenon.is_running():
        assert tenon.stop() == 0


def by_http(tenon, action, **arguments):
    integration, name = action.rsplit(".", 1)
    return tenon.post(
        "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
    )


def test_results_are_equal_by_http_and_command_line(acting):
    for action, arguments, result in [
        ("calc.add", {"a": 40, "b": 2}, 42),
        ("calc.add", {"a": -(2**63), "b": 2**63 - 1}, -1),
        ("calc.divide", {"a": 1, "b": 4}, 0.25),
        (
            "calc.convert",
            {"value": 100, "from": "celsius"},
            {"value": 373.15, "unit": "kelvin"},
        ),
        ("deeds.nothing", {}, None),
    ]:
        answer = by_http(acting, action, **arguments)
        assert (answer.status, answer.json) == (200, {"result": result}), answer
        words = ["%s=%s" % pair for pair in arguments.items()]
        assert json.loads(acting.cli("call", action, *words).stdout) == result
        assert json.loads(acting.cli("call", action, *words, "--json").stdout) == {
            "result": result
        }


def test_a_result_is_printed_as_it_came(acting):
    # 373.15 has many spellings; a text goes without its quotes
    run = acting.cli("call", "calc.convert", "value=100", "from=celsius")
    assert run.stdout == '{"value":373.15,"unit":"kelvin"}\n'
    run = acting.cli("call", "calc.divide", "a=1", "b=3", "--json")
    assert run.stdout == by_http(acting, "calc.divide", a=1, b=3).body.decode()
    assert acting.cli("call", "deeds.repeat", "text=a\n\t\u00e9").stdout == "a\n\t\u00e9\n"
    deep = "[" * 63 + "1E5" + "]" * 63  # 64 levels with the list around it, as many as there may be
    run = acting.cli("call", "deeds.echo", "count=7", "data=" + deep)
    assert run.stdout == '[7,30000,0.5,true,"",%s,0]\n' % deep


REFUSALS = [
    # arguments, words in the refusal
    ({}, "parameter 'count' is missing; expected integer (1..100): How many"),
    ({"count": None}, "parameter 'count' is missing"),
    ({"coumt": 3}, "there is no parameter 'coumt', perhaps 'count' was meant"),
    ({"count": "three"}, "parameter 'count': expected integer (1..100), came text \"three\""),
    ({"count": 2.5}, "parameter 'count': expected integer (1..100), came number 2.5"),
    ({"count": 101}, "parameter 'count': '101' is out of range (1 to 100)"),
    ({"count": 2**64}, "parameter 'count': '18446744073709551616' is out of range"),
    ({"count": 1, "wait": "2h"}, "parameter 'wait': '2h' is out of range (at most 1h)"),
    ({"count": 1, "wait": "soon"}, "parameter 'wait': 'soon' is not a duration"),
    ({"count": 1, "ratio": 1.5}, "parameter 'ratio': '1.5' is out of range (0 to 1)"),
    ({"count": 1, "on": "maybe"}, "parameter 'on': expected boolean, came text \"maybe\""),
]


def test_arguments_are_refused_before_the_plugin_sees_them(acting):
    before = acting.integration("deeds")["worker"]["calls"]
    for arguments, words in REFUSALS:
        answer = by_http(acting, "deeds.echo", **arguments)
        assert (answer.status, answer.json["code"]) == (422, "validation"), answer
        assert words in answer.json["detail"], answer.json
        if None in arguments.values():
            continue  # a command line has no null
        given = ["%s=%s" % pair for pair in arguments.items()]
        run = acting.cli("call", "deeds.echo", *given, check=False)
        assert run.returncode == 1 and words in run.stderr, run.stderr
    assert acting.integration("deeds")["worker"]["calls"] == before
    secret = by_http(acting, "deeds.echo", count=1, key=12345678)
    assert secret.status == 422 and "12345678" not in secret.json["detail"]
    twice = acting.post("/api/v1/integrations/deeds/actions/echo", '{"count":1,"count":2}')
    assert twice.status == 422 and "came twice" in twice.json["detail"]
    for body in ("[1]", "{", '"x"'):
        assert acting.post("/api/v1/integrations/deeds/actions/echo", body).status == 422


def test_defaults_and_every_type_arrive(acting):
    def echo(**arguments):
        return by_http(acting, "deeds.echo", **arguments).json["result"]

    assert echo(count=7) == [7, 30000, 0.5, True, "", {"a": 1}, 0]
    sent = {
        "count": 1, "wait": "5m", "ratio": 0.25, "on": False, "text": 'a "b"\n\u00e9',
        "data": [1, {"x": None}], "key": "abc",
    }  # fmt: skip
    assert echo(**sent) == [1, 300000, 0.25, False, 'a "b"\n\u00e9', [1, {"x": None}], 3]
    assert echo(count=1, wait=1000)[1] == 1000
    path = acting.folder / "text"
    path.write_text("from a file")
    run = acting.cli(
        "call", "deeds.echo", "count=1", "on=no", "text=@%s" % path, "data=[2]", "wait=1s"
    )
    assert json.loads(run.stdout) == [1, 1000, 0.5, False, "from a file", [2], 0]
    run = acting.cli("call", "deeds.echo", "count=1", "text=@@x")
    assert json.loads(run.stdout)[4] == "@x"


CLASSES = [
    # TENON_E_..., its name, the status
    (1, "connection", 502),
    (2, "authentication", 502),
    (3, "validation", 422),
    (4, "rate-limited", 429),
    (5, "server", 502),
    (6, "permanent", 422),
    (7, "cancelled", 503),
    (8, "unknown", 502),
    (9, "no-memory", 503),
    (10, "unsupported", 501),
]


@pytest.mark.parametrize("number,name,status", CLASSES)
def test_errors_keep_their_class(acting, number, name, status):
    answer = by_http(acting, "deeds.fail", class_number=number, words="so it is")
    assert (answer.status, answer.json["code"]) == (status, name), answer
    assert answer.json["detail"] == "so it is"
    assert answer.headers["retry-after"] == "2"
    run = acting.cli(
        "call", "deeds.fail", "class_number=%d" % number, "words=so it is", check=False
    )
    assert run.returncode == 1 and "so it is" in run.stderr, run.stderr


@pytest.mark.parametrize(
    "how,status,words",
    [
        ("crash", 502, "signal 11 (SIGSEGV) in action misbehave, integration deeds"),
        ("exit", 502, "exited with status 0 in action misbehave, integration deeds"),
        ("hang", 504, "no answer within 1000 ms in action misbehave, integration deeds"),
        ("no_json", 422, "action misbehave wrote what is no JSON"),
        ("huge", 422, "larger than 16 MiB"),
        ("odd_status", 422, "action returned 77, which is no status of tenon.h"),
    ],
)
def test_an_action_that_goes_wrong_is_named_and_hurts_nobody(acting, how, status, words):
    neighbour = acting.integration("calc")["worker"]["pid"]
    answer = by_http(acting, "deeds.misbehave", how=how)
    assert answer.status == status and words in answer.json["detail"], answer
    if status != 422:
        # It may have changed something: nobody knows. One that only reads can be asked again.
        assert answer.json["code"] == "unknown"
        wait_for(lambda: by_http(acting, "deeds.nothing").status == 200, "the next worker")
        assert by_http(acting, "deeds.look", how=how).json["code"] == "connection"
    wait_for(lambda: by_http(acting, "deeds.nothing").status == 200, "the next worker")
    assert by_http(acting, "calc.add", a=1, b=1).json == {"result": 2}
    assert acting.integration("calc")["worker"]["pid"] == neighbour


def test_what_is_not_there_is_said_so(acting):
    answer = by_http(acting, "nobody.add", a=1, b=1)
    assert answer.status == 404 and "no integration 'nobody'" in answer.json["detail"]
    answer = by_http(acting, "calc.subtract")
    assert answer.status == 404 and "it has add, divide, convert" in answer.json["detail"]
    run = acting.cli("call", "calc.subtract", check=False)
    assert run.returncode == 1 and "it has add, divide, convert" in run.stderr
    for words in (["call", "calc"], ["call", "calc.add", "a"]):
        assert acting.cli(*words, check=False).returncode == 2
    run = acting.cli("call", "calc.add", "a=1", "b=2", "a=3", check=False)
    assert run.returncode == 2 and "'a' is given twice" in run.stderr
    acting.cli("integration", "deactivate", "calc")
    wait_for(lambda: by_http(acting, "calc.add", a=1, b=1).status == 503, "calc to be closed")


def test_declarations_are_listed_shown_and_described(acting):
    items = acting.get("/api/v1/actions").json["items"]
    assert {(one["integration"], one["name"]) for one in items} >= {
        ("calc", "add"),
        ("deeds", "echo"),
    }
    assert acting.get("/api/v1/integrations/calc/actions").json["items"] == [
        one for one in items if one["integration"] == "calc"
    ]
    convert = next(one for one in items if one["name"] == "convert")
    assert convert["read_only"] and not convert["destructive"]
    assert convert["parameters"][2] == {
        "name": "to", "type": "choice", "required": False, "range": "celsius,fahrenheit,kelvin",
        "default": "kelvin", "help": "Unit wanted",
    }  # fmt: skip
    shown = acting.cli("action", "list", "calc").stdout
    assert "calc.add" in shown and "deeds" not in shown
    shown = acting.cli("action", "show", "deeds.echo").stdout
    assert "count=integer (1..100), required: How many" in shown
    assert "key=text, optional, secret: A secret" in shown
    paths = acting.get("/api/v1/openapi.json").json["paths"]
    schema = paths["/api/v1/integrations/deeds/actions/echo"]["post"]["requestBody"]["content"][
        "application/json"
    ]["schema"]
    assert schema["required"] == ["count"] and not schema["additionalProperties"]
    assert schema["properties"]["count"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "description": "How many",
    }  # fmt: skip
    assert schema["properties"]["key"]["writeOnly"]


def test_a_declaration_that_makes_no_sense_is_refused(acting):
    source = acting.folder / "wrong.c"
    text = (TOP / "examples/calculator/calculator.c").read_text()
    source.write_text(
        text.replace('"calculator"', '"wrong"').replace('TENON_OPTION("to"', 'TENON_OPTION("too"')
    )
    build_plugin(source, acting.folder / "more/wrong.so")
    acting.ini("wrong", "[integration]\nplugin = wrong\n" + NO_RECORDS)
    acting.cli("reload", check=False)
    wait_for(lambda: acting.integration("wrong")["state"] == "failed", "the refusal")
    words = acting.integration("wrong")["words"]
    assert "action 3 of 3 ('convert'): its row 'too' is of no parameter" in words, words


def test_an_empty_list_says_why(acting):
    acting.cli("integration", "disable", "calc")
    told = acting.cli("action", "list", "calc").stderr
    assert told == "tenon: integration 'calc' is disabled; its actions are known while it is open\n"
    acting.webhook("hook", "http://127.0.0.1:9/", select="selector = none\n")
    acting.cli("reload")
    told = acting.cli("action", "list", "hook").stderr
    assert told == "tenon: integration 'hook' has no actions\n"


def test_who_wants_no_records_has_no_backlog(acting):
    # what would raise an alarm of every plugin that is there for its actions alone
    acting.add({"id": "e-1"}, {"id": "e-2"})
    assert acting.integration("calc")["backlog"] == 0
    assert "backlog_since" not in acting.integration("calc")
    rows = acting.cli("integration", "list").stdout.splitlines()
    assert [row.split()[2] for row in rows if row.startswith("calc ")] == ["0"]
    figures = acting.get("/metrics").body.decode()
    for figure in ("tenon_backlog_entities", "tenon_backlog_age_seconds"):
        assert figure + '{integration="calc"} 0\n' in figures


def test_why_asks_nobody_who_wants_no_records(acting):
    acting.add({"id": "e-1"})
    told = acting.cli("why", "e-1").stdout
    assert "selector = none takes only what is asked for by hand" in told
    assert "next: nothing until it is asked for by hand\n" in told
    assert "base_url" not in told  # it has no client that would need one
