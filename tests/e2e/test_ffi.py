# SPDX-License-Identifier: Apache-2.0
"""Functions of installed libraries as actions, by an ini alone: zlib and libm, called by the
command line and over HTTP, in records, and what is wrong said by its key."""
import json
import math
import zlib

import pytest
from daemon import wait_for

ZLIB = """[integration]
plugin = ffi
[select]
selector = none
[settings]
library = libz.so.1
functions =
    unsigned long crc32(unsigned long crc = 0, const void *data,
                        unsigned int n = length(data)) read_only # CRC-32 of data
    unsigned long adler32(unsigned long adler = 1, const void *data, unsigned int n = length(data))
        read_only
    const char *zlibVersion(void); as version read_only
"""
LIBM = """[integration]
plugin = ffi
[select]
selector = none
[settings]
library = libm.so.6
functions =
    double cos(double x)  read_only  # Cosine of x, an angle in radians
    double pow(double x, double y) read_only
    float  fabsf(float x) read_only
    double frexp(double x, int *exponent) read_only
    long   lround(double x) read_only
"""


@pytest.fixture
def libraries(tenon):
    tenon.host_ini()
    tenon.ini("zlib", ZLIB)
    tenon.ini("maths", LIBM)
    tenon.start()
    for name in ("zlib", "maths"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    yield tenon
    assert tenon.stop() == 0


def by_http(tenon, action, **arguments):
    integration, name = action.split(".")
    return tenon.post(
        "/api/v1/integrations/%s/actions/%s" % (integration, name), json.dumps(arguments)
    )


def test_results_are_the_librarys_by_http_and_command_line(libraries):
    for action, arguments, result in [
        ("zlib.crc32", {"data": "hello"}, zlib.crc32(b"hello")),
        ("zlib.crc32", {"crc": 907060870, "data": "\u00e9"}, zlib.crc32(b"\xc3\xa9", 907060870)),
        ("zlib.crc32", {"data": ""}, 0),
        ("zlib.adler32", {"data": "Wikipedia"}, 0x11E60398),
        ("zlib.version", {}, zlib.ZLIB_RUNTIME_VERSION),
        ("maths.cos", {"x": 1}, math.cos(1)),
        ("maths.pow", {"x": 2, "y": 0.5}, 2**0.5),
        ("maths.pow", {"x": 0, "y": -1}, None),  # infinity, which JSON does not have
        ("maths.fabsf", {"x": -0.1}, 0.1),
        ("maths.frexp", {"x": 10}, {"result": 0.625, "exponent": 4}),
        ("maths.lround", {"x": -2.5}, -3),
    ]:
        answer = by_http(libraries, action, **arguments)
        assert (answer.status, answer.json) == (200, {"result": result}), answer
        words = ["%s=%s" % pair for pair in arguments.items()]
        run = libraries.cli("call", action, *words, "--json")
        assert json.loads(run.stdout) == {"result": result}


def test_arguments_are_held_against_the_prototype(libraries):
    for action, arguments, words in [
        ("zlib.crc32", {}, "parameter 'data' is missing; expected text: void *"),
        ("zlib.crc32", {"crc": -1, "data": ""}, "'crc': '-1' is out of range (0 to"),
        ("zlib.crc32", {"n": 1, "data": ""}, "no parameter 'n'"),
        ("maths.cos", {"x": "one"}, "parameter 'x': expected number, came text \"one\""),
        ("maths.fabsf", {"x": 1e39}, "parameter 'x': '1e+39' is out of range"),
    ]:
        answer = by_http(libraries, action, **arguments)
        assert (answer.status, answer.json["code"]) == (422, "validation"), answer
        assert words in answer.json["detail"], answer.json["detail"]


def test_they_are_listed_and_described_like_any_action(libraries):
    shown = libraries.cli("action", "list", "zlib").stdout
    assert "zlib.crc32" in shown and "CRC-32 of data" in shown
    paths = libraries.get("/api/v1/openapi.json").json["paths"]
    cos = paths["/api/v1/integrations/maths/actions/cos"]["post"]
    assert cos["summary"] == "Cosine of x, an angle in radians" and cos["x-read-only"]
    assert not any("integrations/maths/actions/crc32" in path for path in paths)


@pytest.mark.parametrize(
    "library,functions,words",
    [
        ("libnothing.so.9", "int a(void)", "library: libnothing.so.9: cannot open shared object"),
        ("/root/x.so", "int a(void)", "library: /root/x.so: cannot open shared object file"),
        ("x/y.so", "int a(void)", "library: expected a name such as libz.so.1 or an absolute path"),
        ("libz.so.1", "int crc33(void)", "functions: 'libz.so.1' has no function 'crc33'"),
        ("libz.so.1", "int crc32(strange x)", "functions: 'int crc32(strange x)': expected a type"),
        ("libz.so.1", "int crc32(", "expected a type, came the end of the line"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tenon, library, functions, words):
    tenon.host_ini()
    text = ZLIB.split("library = ")[0]
    tenon.ini("wrong", "%slibrary = %s\nfunctions = %s\n" % (text, library, functions))
    tenon.start()
    wait_for(lambda: tenon.integration("wrong")["state"] == "failed", "the refusal")
    assert words in tenon.integration("wrong")["words"]


def test_records_get_the_results_as_fields(tenon, receiver):
    tenon.host_ini()
    url = receiver.url("").rstrip("/")
    text = ZLIB.replace("plugin = ffi", "plugin = ffi\nbase_url = " + url)
    text = text.replace("selector = none", "type = event").replace("*data", "*title")
    text = text.replace("(data)", "(title)") + "transform = crc32, version\n"
    tenon.ini("zlib", text)
    tenon.start()
    wait_for(lambda: tenon.integration("zlib")["state"] == "active", "zlib")
    tenon.add({"id": "e1", "title": "hello"})
    wait_for(lambda: receiver.exchanges, "the delivery")
    assert json.loads(receiver.exchanges[0]["body"]) == {
        "id": "e1",
        "title": "hello",
        "crc32": zlib.crc32(b"hello"),
        "version": zlib.ZLIB_RUNTIME_VERSION,
    }
    tenon.add({"id": "e2", "name": "no title"})
    wait_for(lambda: "the record has no 'title'" in tenon.cli("why", "e2", "zlib").stdout, "why")


def test_a_jq_program_calls_them(tenon, receiver):
    tenon.host_ini()
    tenon.ini("zlib", ZLIB)
    program = '{title, crc: action("zlib.crc32"; {data: .title})}'
    tenon.webhook(
        "hooks",
        receiver.url("/in"),
        select='where = action("zlib.adler32"; {data: .title}) > 100\n',
        more="[transform]\njq = %s\n" % program,
    )
    tenon.start()
    for name in ("zlib", "hooks"):
        wait_for(lambda: tenon.integration(name)["state"] == "active", name)
    tenon.add({"id": "e1", "title": "hello"}, {"id": "e2", "title": ""}, {"id": "e3", "title": 5})
    wait_for(lambda: receiver.exchanges, "the delivery")
    assert json.loads(receiver.exchanges[0]["body"]) == {
        "title": "hello",
        "crc": zlib.crc32(b"hello"),
    }
    wait_for(lambda: tenon.states("hooks").get("failed") == 1, "the refusals")
    assert "> 100` gave false" in tenon.cli("why", "e2", "hooks").stdout
    shown = tenon.cli("why", "e3", "hooks").stdout
    assert "parameter 'data': expected text, came number 5" in shown, shown
    # While the other one is away the record waits, as it would for a destination.
    tenon.cli("integration", "deactivate", "zlib")
    wait_for(lambda: by_http(tenon, "zlib.crc32", data="").status == 503, "zlib to be closed")
    tenon.add({"id": "e4", "title": "later"})
    wait_for(lambda: tenon.states("hooks").get("retrying") == 1, "the wait")
    tenon.cli("integration", "activate", "zlib")
    wait_for(lambda: len(receiver.exchanges) == 2, "the second delivery")
    # What a person types in a query calls nothing.
    answer = tenon.get(
        "/api/v1/submissions?state=succeeded&where=action(%22zlib.crc32%22;%20%7Bdata:%22%22%7D)"
    )
    assert "action is not available" in answer.body.decode(), answer
