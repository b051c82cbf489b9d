# SPDX-License-Identifier: Apache-2.0
"""--dry-run shows the exact request that would be sent, but for the secrets, and sends nothing."""
import json

from daemon import wait_for

MORE = """[transform]
jq = {name: .title}
[auth]
type = api_key
key = ${env:HOOK_KEY}
[headers]
X-Shop = 17
"""


def test_dry_run_is_the_request_itself(tenon, receiver):
    tenon.environment["HOOK_KEY"] = "very-secret-key"
    receiver.break_it(status=503, retry_after=3600)
    tenon.webhook("hooks", receiver.url("/in"), more=MORE, settings="headers = X-Entity: {id}\n")
    tenon.start()
    tenon.add({"id": "evt-1", "title": "Grüße"})
    wait_for(lambda: receiver.stats()["requests"] >= 1, "the first real try")
    tried = receiver.stats()["requests"]
    before = wait_for(lambda: tenon.submissions(state="retrying"), "its verdict")

    shown = json.loads(
        tenon.cli("submit", "hooks", "--entity", "evt-1", "--dry-run", "--json").stdout
    )
    request = shown["requests"][0]
    real = receiver.exchanges[0]
    assert (request["method"], request["url"]) == ("POST", receiver.url("/in"))
    body = request["body"] if isinstance(request["body"], str) else json.dumps(request["body"])
    assert json.loads(body) == json.loads(real["body"]) == {"name": "Grüße"}
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert headers["x-shop"] == real["headers"]["x-shop"] == "17"
    assert headers["x-entity"] == real["headers"]["x-entity"] == "evt-1"
    assert len(headers["idempotency-key"]) == 32
    assert headers["idempotency-key"] == real["headers"]["idempotency-key"]
    assert "very-secret-key" not in json.dumps(shown) and "*" in headers["x-api-key"]
    assert real["headers"]["x-api-key"] == "very-secret-key"
    for_people = tenon.cli("submit", "hooks", "--entity", "evt-1", "--dry-run").stdout
    assert "X-Shop: 17" in for_people and "very-secret-key" not in for_people, for_people

    assert receiver.stats()["requests"] == tried
    after = tenon.submissions()
    for row in before + after:
        row.pop("next_try_at")  # told by the wall clock, which may be slewed
    assert after == before


def test_dry_run_says_why_not(tenon, receiver):
    tenon.webhook("hooks", receiver.url("/in"), select="type = event\nwhere = .price > 10\n")
    tenon.start()
    tenon.add({"id": "cheap", "price": 1})
    shown = json.loads(
        tenon.cli("submit", "hooks", "--entity", "cheap", "--dry-run", "--json").stdout
    )
    assert shown["wanted"] is False and ".price" in shown["reason"]
    assert receiver.stats()["requests"] == 0
    run = tenon.cli("submit", "hooks", "--entity", "nobody", "--dry-run", check=False)
    assert run.returncode == 1 and "nobody" in run.stderr
