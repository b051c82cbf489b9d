# SPDX-License-Identifier: Apache-2.0
"""A secret reaches the destination and nobody else: no log, no answer, no argument, no worker."""
import html
import json
import os
import pathlib
import urllib.parse

import pytest
from daemon import wait_for

SECRET = "s3cr3t-Zq8/w+%dd==" % os.getpid()
AUTH = """[auth]
type = bearer
token = ${env:HOOK_TOKEN}
[signature]
scheme = standard-webhooks
secret = ${env:SIGN}
"""


def forms_of(secret):
    """As it is, and as it would look escaped in JSON or in a URL."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        secret.replace("/", "\\/"),
        urllib.parse.quote(secret, safe=""),
    }


def assert_absent(where, text):
    for form in forms_of(SECRET) | forms_of("signing-" + SECRET):
        assert form not in text, "the secret is in %s" % where


def test_a_secret_is_seen_by_the_destination_alone(tenon, receiver):
    tenon.environment.update(HOOK_TOKEN=SECRET, SIGN="signing-" + SECRET)
    # A destination that repeats what it was sent, as many do in error texts.
    receiver.answer = lambda exchange: (
        400,
        {"X-Echo": exchange["headers"]["authorization"]},
        json.dumps({"error": "bad", "got": exchange["headers"]}).encode(),
    )
    tenon.webhook("hooks", receiver.url("/in"), more=AUTH)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"failed": 1}, "the refusal")
    assert receiver.exchanges[0]["headers"]["authorization"] == "Bearer " + SECRET

    for path in (
        "/api/v1/status",
        "/api/v1/integrations",
        "/api/v1/integrations/hooks",
        "/api/v1/submissions",
        "/api/v1/submissions/1",
        "/api/v1/why?entity=evt-1",
        "/metrics",
        "/api/v1/plugins",
        "/api/v1/signals",
    ):
        assert_absent(path, tenon.get(path).body.decode())
    for command in (
        ("why", "evt-1"),
        ("config", "show"),
        ("integration", "show", "hooks"),
        ("submission", "show", "1"),
        ("submit", "hooks", "--entity", "evt-1", "--dry-run"),
    ):
        run = tenon.cli(*command, check=False)
        assert_absent(" ".join(command), run.stdout + run.stderr)
    for path in tenon.state.rglob("*"):
        if path.is_file():
            assert_absent(path.name, path.read_bytes().decode("latin-1"))
    for pid in tenon.pids():
        assert_absent(
            "argv of %d" % pid,
            pathlib.Path("/proc/%d/cmdline" % pid).read_bytes().decode("latin-1"),
        )
    for pid in tenon.workers():
        assert_absent(
            "environ of worker %d" % pid,
            pathlib.Path("/proc/%d/environ" % pid).read_bytes().decode("latin-1"),
        )
        assert_absent("memory of worker %d" % pid, memory_of(pid))
    assert tenon.stop() == 0
    assert_absent("the log", tenon.log_text())


def memory_of(pid):
    """Everything a process can read of itself; a secret that it was never given is not there."""
    text = []
    with open("/proc/%d/maps" % pid, encoding="ascii") as maps, open(
        "/proc/%d/mem" % pid, "rb", buffering=0
    ) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            start, end = (int(one, 16) for one in area.split("-"))
            if (
                rights.startswith("rw") and end - start < 1 << 30
            ):  # a sanitizer's shadow is terabytes
                try:
                    memory.seek(start)
                    text.append(memory.read(end - start).decode("latin-1"))
                except OSError:
                    pass  # vvar and the like
    return "".join(text)


def test_config_show_says_that_there_is_one(tenon):
    tenon.environment.update(HOOK_TOKEN=SECRET, SIGN="signing-" + SECRET)
    tenon.webhook("hooks", "http://127.0.0.1:9/in", more=AUTH)
    shown = tenon.cli("config", "show").stdout
    assert "token" in shown and "****" in shown
    assert_absent("config show", shown)


ODD = "Ab3/c +et&<kEy>'98\"76-%d" % os.getpid()
ECHOES = {
    "php": lambda text: json.dumps({"bad": text}).replace("/", "\\/"),
    "go": lambda text: json.dumps({"bad": text})
    .replace("&", "\\u0026")
    .replace("<", "\\u003c")
    .replace(">", "\\u003e"),
    "html": html.escape,
    "html, numbers": lambda text: html.escape(text).replace("&quot;", "&#34;"),
    "url, small letters": lambda text: urllib.parse.quote(text, safe="").lower(),
    "form": urllib.parse.quote_plus,
    "json in json": lambda text: json.dumps(json.dumps({"bad": text})),
}


def answers(found):
    """Each answer in what `why` gave."""
    if isinstance(found, list):
        return [answer for one in found for answer in answers(one)]
    if not isinstance(found, dict):
        return []
    own = [found["answer"]] if "answer" in found else []
    return own + answers(list(found.values()))


@pytest.mark.parametrize("writer", ECHOES)
def test_a_secret_is_known_however_it_is_escaped(tenon, receiver, writer):
    secret = ODD.lower() if "small" in writer else ODD
    echo = ECHOES[writer](secret)
    tenon.environment.update(HOOK_TOKEN=secret)
    receiver.answer = lambda exchange: (400, {}, ("<p>%s</p>" % echo).encode())
    tenon.webhook("hooks", receiver.url("/in"), more=AUTH.split("[signature]")[0])
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks") == {"failed": 1}, "the refusal")
    assert receiver.exchanges[0]["headers"]["authorization"] == "Bearer " + secret
    [answer] = answers(tenon.why("evt-1", "hooks").json)
    assert answer.startswith("<p>") and "****" in answer and answer.endswith("</p>"), answer
    for part in ("b3", "98", "76-%d" % os.getpid()):
        assert part not in answer, answer
