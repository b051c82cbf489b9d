# SPDX-License-Identifier: Apache-2.0
"""What services send to /hooks/, signed by their own libraries: taken when it is genuine, refused
when anything of it was changed, stored once however often it comes, in step with the disk."""
import base64
import http.client
import json
import os
import time
import urllib.parse

import pytest
import signers as signers_module
from daemon import PATIENCE, TOP, Answer, run_check, wait_for

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of test secret!").decode()
OTHER = "whsec_" + base64.b64encode(b"another thirty-two bytes secret!").decode()
URL = "https://tenon.example/hooks/in"
FORM = "application/x-www-form-urlencoded"
BODIES = {
    "github": json.dumps({"action": "opened", "issue": {"number": 7, "title": "Ünïcode"}}),
    "stripe": json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"n": 1}}),
    "slack": json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"text": "hi"}}),
    "twilio": urllib.parse.urlencode(
        [("MessageSid", "SM1"), ("Body", "a b&c=ü"), ("From", "+15550001"), ("Body", "twice")]
    ),
    "standard-webhooks": json.dumps({"type": "user.created", "data": {"id": 3}}),
}
SCHEMES = list(BODIES)
HAS_TIME = {"stripe", "slack", "standard-webhooks"}


@pytest.fixture(scope="module")
def signers():
    why = signers_module.missing()
    if why:
        pytest.skip(why)
    signers = signers_module.Signers()
    yield signers
    signers.close()


def receive(tenon, hook, name="in", secret=SECRET):
    """An integration that only takes in."""
    tenon.environment["HOOK_SECRET"] = secret
    tenon.ini(
        name,
        "[integration]\nplugin = webhook\nbase_url = http://127.0.0.1:9\n"
        "[select]\nselector = none\n[settings]\npath = /\n[hook]\n" + hook,
    )


def hook_of(scheme):
    url = "url = %s\n" % URL if scheme == "twilio" else ""
    return "scheme = %s\nsecret = ${env:HOOK_SECRET}\n%s" % (scheme, url)


def send(tenon, body, headers, name="in", query="", host="tenon.example"):
    """By the port, as from outside: another host's name, and no token."""
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=60 * PATIENCE)
    try:
        body = body.encode() if isinstance(body, str) else body
        connection.request("POST", "/hooks/" + name + query, body, {"Host": host, **headers})
        response = connection.getresponse()
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def content_of(scheme):
    return FORM if scheme == "twilio" else "application/json"


def sign(signers, scheme, body=None, delivery="delivery-1", secret=SECRET, **more):
    """The headers as the service's library makes them, and what it signed."""
    body = BODIES[scheme] if body is None else body
    more = {"timestamp": int(time.time()), "content": content_of(scheme), "url": URL, **more}
    headers = signers.sign(scheme, secret, body, id=delivery, **more)
    headers.pop(":url", None)
    headers["Content-Type"] = more["content"]
    return headers, body


def entities(tenon):
    return tenon.get("/api/v1/entities").json["items"]


def ends(tenon, name="in"):
    """How requests ended, as `integration show` tells."""
    return {k: v for k, v in tenon.integration(name)["hook"]["since_start"].items() if v}


# ---- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_genuine_request_is_taken_and_a_changed_one_is_not(tenon, signers, scheme):
    receive(tenon, hook_of(scheme))
    tenon.start()
    headers, body = sign(signers, scheme)
    assert signers.judge(scheme, SECRET, body, headers, content=content_of(scheme), url=URL) is True
    refused = 0

    def refuse(changed_body, changed_headers, *codes, query=""):
        nonlocal refused
        answer = send(tenon, changed_body, changed_headers, query=query)
        assert answer.status == 401, answer
        assert answer.json["code"] in (codes or ("bad_signature",)), answer
        refused += 1

    for at in range(0, len(body), max(1, len(body) // 40)):  # bytes of the body
        refuse(body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1 :], headers)
    refuse(body + " ", headers)
    refuse("", headers)
    signed = next(name for name in headers if "signature" in name.lower())
    value = headers[signed]
    for at in range(len(value)):  # and of the signature
        changed = value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
        refuse(body, {**headers, signed: changed}, "bad_signature", "no_signature")
    for changed in ("", value[:-1], value + "0", "sha256=", value.upper() + "=", "," * 5000):
        refuse(body, {**headers, signed: changed}, "bad_signature", "no_signature")
    for name in headers:  # each header gone
        if name not in ("Content-Type", "X-GitHub-Event", "X-GitHub-Delivery",
                        "I-Twilio-Idempotency-Token"):
            rest = {key: text for key, text in headers.items() if key != name}
            code = "bad_signature" if name == "webhook-id" else "no_signature"
            refuse(body, rest, code)
    for name in ("X-Slack-Request-Timestamp", "webhook-timestamp"):
        if name in headers:
            refuse(body, {**headers, name: str(int(headers[name]) + 1)})
    if scheme == "twilio":
        refuse(body, headers, query="?more=1")
    other, _ = sign(signers, scheme, secret=OTHER)
    refuse(body, other)

    assert entities(tenon) == []
    answer = send(tenon, body, headers)
    assert answer.status == 200, answer
    assert len(entities(tenon)) == 1
    counted = ends(tenon)
    assert counted.pop("stored") == 1
    assert sum(counted.values()) == refused, (counted, refused)
    assert set(counted) <= {"bad_signature", "no_signature"}


@pytest.mark.parametrize("scheme", sorted(HAS_TIME))
def test_a_timestamp_out_of_the_window_is_named_as_that(tenon, signers, scheme):
    receive(tenon, hook_of(scheme) + "tolerance = 2m\n")
    tenon.start()
    now = int(time.time())
    for timestamp in (now - 300, now + 300):
        headers, body = sign(signers, scheme, timestamp=timestamp)
        answer = send(tenon, body, headers)
        assert (answer.status, answer.json["code"]) == (401, "stale_timestamp"), answer
        assert "tolerance" in answer.json["detail"] and "120 s" in answer.json["detail"]
    headers, body = sign(signers, scheme, timestamp=now - 60)
    assert send(tenon, body, headers).status == 200
    assert ends(tenon) == {"stale_timestamp": 2, "stored": 1}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_secrets_count_while_one_takes_the_others_place(tenon, signers, scheme):
    receive(tenon, hook_of(scheme).replace("SECRET}", "SECRET} ${env:FORMER_SECRET}"))
    tenon.environment["FORMER_SECRET"] = OTHER
    tenon.start()
    for number, secret in enumerate((SECRET, OTHER)):
        headers, body = sign(signers, scheme, secret=secret, delivery="d-%d" % number)
        answer = send(tenon, body, headers)
        assert answer.status == 200, answer
    headers, body = sign(signers, scheme, secret="whsec_" + "c" * 32)
    assert send(tenon, body, headers).status == 401


def test_twilio_signs_a_json_body_by_its_digest_in_the_address(tenon, signers):
    receive(tenon, hook_of("twilio"))
    tenon.start()
    body = json.dumps({"CallSid": "CA1"})
    answer = signers.sign("twilio", SECRET, body, id="d-1", url=URL, content="application/json")
    query = "?" + answer.pop(":url").split("?", 1)[1]
    headers = {**answer, "Content-Type": "application/json"}
    assert send(tenon, body, headers, query=query).status == 200
    assert send(tenon, body + " ", headers, query=query).status == 401
    assert send(tenon, body, headers).status == 401


def test_hmac_by_declaration(tenon):
    """Shopify's way, with nothing of Shopify in the program."""
    import hashlib
    import hmac

    receive(
        tenon,
        "scheme = hmac\nsecret = ${env:HOOK_SECRET}\nheader = X-Shopify-Hmac-Sha256\n"
        "encoding = base64\nid_header = X-Shopify-Event-Id\ntype = order\n",
    )
    tenon.start()
    body = json.dumps({"id": 450789469, "total": "9.00"})
    mac = base64.b64encode(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest())
    headers = {"X-Shopify-Hmac-Sha256": mac.decode(), "X-Shopify-Event-Id": "e-1"}
    assert send(tenon, body, headers).status == 200
    assert send(tenon, body + " ", headers).status == 401
    (entity,) = entities(tenon)
    assert (entity["id"], entity["type"]) == ("450789469", "order")


# ---- once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_delivery_that_comes_again_is_stored_once(tenon, signers, scheme):
    receive(tenon, hook_of(scheme))
    tenon.start()
    headers, body = sign(signers, scheme)
    first = send(tenon, body, headers)
    assert first.status == 200
    before = entities(tenon)
    tenon.kill()
    tenon.start()
    again, _ = sign(signers, scheme, timestamp=int(time.time()) - 2)  # signed anew, as services do
    if scheme == "twilio" or scheme in HAS_TIME or scheme == "github":
        answer = send(tenon, body, again)
        assert answer.status == 200, answer
    assert entities(tenon) == before and before[0]["version"] == 1
    assert ends(tenon) == {"duplicate": 1}


def test_the_same_id_with_another_content_is_not_stored(tenon, signers):
    """GitHub's id is not signed, its body is: what is remembered is the id."""
    receive(tenon, hook_of("github"))
    tenon.start()
    headers, body = sign(signers, "github")
    assert send(tenon, body, headers).json["outcome"] == "stored"
    headers, other = sign(signers, "github", body='{"action":"closed"}')
    assert send(tenon, other, headers).json["outcome"] == "duplicate"
    assert [entity["data"]["action"] for entity in entities(tenon)] == ["opened"]


@pytest.mark.parametrize("scheme", ["github", "twilio"])
def test_a_request_under_another_id_is_new_unless_the_signature_counts(tenon, signers, scheme):
    """Their id is not part of what is signed: somebody who has a request can change it."""
    id_header = {"github": "X-GitHub-Delivery", "twilio": "I-Twilio-Idempotency-Token"}[scheme]
    receive(tenon, hook_of(scheme) + "type = note\n", name="by-id")
    receive(tenon, hook_of(scheme) + "type = note\ndeduplicate_by = signature\n", name="by-body")
    tenon.start()
    for name, outcome in (("by-id", "stored"), ("by-body", "duplicate")):
        headers, body = sign(signers, scheme, url=URL)
        headers[id_header] = name + "-1"
        assert send(tenon, body, headers, name=name).status == 200
        headers[id_header] = name + "-2"
        assert send(tenon, body, headers, name=name).status == 200
        assert ends(tenon, name).get(outcome) == (2 if outcome == "stored" else 1), name
        stored = [one["id"] for one in entities(tenon) if one["id"].startswith(name)]
        assert stored == [name + "-%d" % n for n in range(1, 3 if outcome == "stored" else 2)]
    # What says something else is something else, under whatever id.
    other = "MessageSid=SM2&Body=more" if scheme == "twilio" else '{"action":"closed"}'
    headers, other = sign(signers, scheme, body=other, url=URL)
    headers[id_header] = "by-body-1"
    assert send(tenon, other, headers, name="by-body").status == 200
    assert ends(tenon, "by-body") == {"stored": 2, "duplicate": 1}


def test_kill_while_deliveries_come(tenon, signers):
    """What was answered 200 is there; what was not comes again, and is there once."""
    receive(tenon, hook_of("github") + "jq = {type: \"n\", data: {n: .body.n, at: .id}}\n")
    tenon.start()
    answered = set()
    for number in range(60):
        headers, body = sign(
            signers, "github", body=json.dumps({"n": number}), delivery="d-%d" % number
        )
        if number % 20 == 10:
            tenon.kill()
            tenon.start()
        for _ in range(2):  # each is sent twice
            answer = send(tenon, body, headers)
            if answer.status == 200:
                answered.add(number)
    tenon.kill()
    tenon.start()
    found = tenon.get("/api/v1/entities?limit=1000").json["items"]
    assert sorted(entity["data"]["n"] for entity in found) == sorted(answered) == list(range(60))
    assert {entity["version"] for entity in found} == {1}


def test_a_secret_is_changed_without_a_gap(tenon, signers):
    """Old, both, new: what is genuine then is taken, and the counts go on."""
    secrets = tenon.folder / "secret"
    receive(tenon, "scheme = github\nsecret = ${file:%s}\n" % secrets)
    secrets.write_text(OTHER)
    secrets.chmod(0o600)
    tenon.start()

    def ask(secret, delivery):
        headers, body = sign(signers, "github", secret=secret, delivery=delivery)
        return send(tenon, body, headers).status

    assert (ask(OTHER, "d-1"), ask(SECRET, "d-2")) == (200, 401)
    secrets.write_text("%s %s" % (SECRET, OTHER))
    tenon.cli("reload")
    assert (ask(OTHER, "d-3"), ask(SECRET, "d-4")) == (200, 200)
    secrets.write_text(SECRET)
    tenon.cli("reload")
    assert (ask(OTHER, "d-5"), ask(SECRET, "d-6")) == (401, 200)
    assert ends(tenon) == {"stored": 4, "bad_signature": 2}


# ---- content and mapping -------------------------------------------------------------------------


def test_without_a_mapping_the_body_is_the_entity(tenon, signers):
    receive(tenon, hook_of("github"))
    receive(tenon, hook_of("stripe"), name="stripe")
    tenon.start()
    headers, body = sign(signers, "github", event="issues")
    assert send(tenon, body, headers).status == 200
    headers, body = sign(signers, "stripe")
    assert send(tenon, body, headers, name="stripe").status == 200
    found = {entity["id"]: entity for entity in entities(tenon)}
    assert found["delivery-1"]["type"] == "issues"
    assert found["delivery-1"]["data"] == json.loads(BODIES["github"])
    assert found["evt_1"]["type"] == "payment_intent.succeeded"


def test_a_jq_mapping_makes_entities(tenon, signers):
    receive(
        tenon,
        hook_of("github")
        + 'jq = if .event == "ping" then empty elif .body.many then [.body.many[] | {id: ., '
        'type: "part", data: {n: .}}] else {id: "issue-\\(.body.issue.number)", type: "issue", '
        'data: (.body.issue + {by: .headers["user-agent"], signed: '
        '(.headers | has("x-hub-signature-256"))})} end\n',
    )
    tenon.start()
    headers, body = sign(signers, "github")
    assert send(tenon, body, {**headers, "User-Agent": "Hookshot"}).json["created"] == 1
    headers, body = sign(signers, "github", body='{"many":["a","b","c"]}', delivery="d-2")
    assert send(tenon, body, headers).json["created"] == 3
    headers, body = sign(signers, "github", body='{"zen":"x"}', delivery="d-3", event="ping")
    assert send(tenon, body, headers).json["created"] == 0
    found = {entity["id"]: entity for entity in entities(tenon)}
    assert set(found) == {"issue-7", "a", "b", "c"}
    assert (found["issue-7"]["type"], found["a"]["type"]) == ("issue", "part")
    assert found["issue-7"]["data"] == {
        "number": 7,
        "title": "Ünïcode",
        "by": "Hookshot",
        "signed": False,
    }


def test_a_mapping_that_fails_is_told_to_both_sides(tenon, signers):
    receive(tenon, hook_of("github") + "jq = {id: .body.id, data: (.body.issue | keys | first)}\n")
    tenon.start()
    headers, body = sign(signers, "github")
    answer = send(tenon, body, headers)
    assert (answer.status, answer.json["code"]) == (422, "not_mapped"), answer
    assert '"data"' in answer.json["detail"]
    headers, body = sign(signers, "github", body='{"issue":7}')
    answer = send(tenon, body, headers)
    assert (answer.status, answer.json["code"]) == (422, "not_mapped"), answer
    assert "has no keys" in answer.json["detail"]
    shown = tenon.cli("integration", "show", "in").stdout
    assert "has no keys" in shown and "/hooks/in" in shown and "2 not_mapped" in shown
    headers, body = sign(signers, "github", delivery="forged-1")
    assert send(tenon, body + " ", headers).status == 401
    logs = tenon.cli("integration", "logs", "in").stdout
    assert "delivery=delivery-1" in logs and "delivery=forged-1" in logs
    assert entities(tenon) == []


def test_forms_carry_json_or_fields(tenon, signers):
    receive(tenon, hook_of("github"))
    receive(tenon, hook_of("slack"), name="slack")
    tenon.start()
    form = urllib.parse.urlencode({"payload": BODIES["github"]})
    headers, body = sign(signers, "github", body=form, content=FORM)
    assert send(tenon, body, headers).status == 200
    form = urllib.parse.urlencode([("command", "/go"), ("text", "a b"), ("x", "1"), ("x", "2")])
    headers, body = sign(signers, "slack", body=form, content=FORM)
    assert send(tenon, body, headers, name="slack").status == 200
    found = [entity["data"] for entity in entities(tenon)]
    assert json.loads(BODIES["github"]) in found
    assert {"command": "/go", "text": "a b", "x": ["1", "2"]} in found


def test_slack_asks_whether_somebody_is_there(tenon, signers):
    receive(tenon, hook_of("slack"))
    tenon.start()
    ask = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    headers, body = sign(signers, "slack", body=ask)
    answer = send(tenon, body, headers)
    assert (answer.status, answer.body) == (200, b"3eZbrw1aB")
    assert send(tenon, body + " ", headers).status == 401
    assert entities(tenon) == []


def test_bodies_that_cannot_be_used(tenon, signers):
    receive(tenon, hook_of("github") + "max_body = 2KB\n")
    tenon.start()

    def ask(body, content="application/json"):
        headers, body = sign(signers, "github", body=body, content=content)
        answer = send(tenon, body, headers)
        return answer.status, answer.json["code"]

    assert ask('{"a":"%s"}' % ("x" * 3000)) == (413, "too_large")
    assert send(tenon, b"x" * (100 << 10), {}).status == 413  # not read to its end
    assert send(tenon, b"x" * (100 << 10), {}, name="nobody").status == 413
    assert ask('{"a":') == (400, "bad_body")
    assert ask(" ") == (400, "bad_body")
    assert ask("a=%zz", FORM) == (400, "bad_body")
    assert ask("<a/>", "text/xml") == (415, "bad_content_type")
    assert ask('"just text"') == (422, "not_mapped")
    assert entities(tenon) == []


# ---- who may -------------------------------------------------------------------------------------


def test_hooks_that_are_not_there_or_not_open(tenon, signers):
    receive(tenon, hook_of("github"))
    receive(tenon, "", name="none")
    tenon.start()
    headers, body = sign(signers, "github")
    assert send(tenon, body, headers, name="nobody").status == 404
    assert send(tenon, body, headers, name="none").status == 404
    assert tenon.get("/hooks/in").status == 405
    tenon.cli("integration", "deactivate", "in")
    answer = send(tenon, body, headers)
    assert (answer.status, answer.json["code"]) == (503, "not_active"), answer
    assert int(answer.headers["retry-after"]) > 0
    tenon.cli("integration", "activate", "in")
    wait_for(lambda: tenon.integration("in")["state"] == "active", "the integration to be active")
    assert send(tenon, body, headers).status == 200


def test_a_hook_is_open_to_others_and_the_rest_is_not(tenon, signers):
    receive(tenon, hook_of("github"))
    tenon.start()
    headers, body = sign(signers, "github")
    assert send(tenon, body, headers).status == 200
    connection = http.client.HTTPConnection("127.0.0.1", tenon.port, timeout=60 * PATIENCE)
    connection.request("GET", "/api/v1/entities", headers={"Host": "tenon.example"})
    assert connection.getresponse().status in (401, 403)
    connection.close()


def test_unsigned_only_when_it_is_meant(tenon):
    receive(tenon, "scheme = none\n")
    status, said = run_check(tenon.conf)
    assert status != 0 and "unsigned = yes" in said
    receive(tenon, "scheme = none\nunsigned = yes\n")
    tenon.start()
    assert send(tenon, '{"id":"e-1"}', {"Content-Type": "application/json"}).status == 200
    page = {"Content-Type": "application/json", "Origin": "https://elsewhere.example"}
    assert send(tenon, '{"id":"e-2"}', page).status == 403
    assert [entity["id"] for entity in entities(tenon)] == ["e-1"]


def test_the_secret_stays_in_the_daemon(tenon, signers):
    receive(tenon, hook_of("github") + "jq = {data: .}\n")
    tenon.start()
    headers, body = sign(signers, "github")
    assert send(tenon, body, headers).status == 200
    assert send(tenon, body + " ", headers).status == 401
    everything = (
        tenon.log_text()
        + json.dumps(entities(tenon))
        + tenon.cli("config", "show", "in").stdout
        + json.dumps(tenon.integration("in"))
    )
    assert SECRET not in everything
    for pid in tenon.workers():
        with open("/proc/%d/environ" % pid, "rb") as environment:
            assert SECRET.encode() not in environment.read()


def test_what_comes_in_goes_to_every_integration_that_wants_it(tenon, signers, make_receiver):
    server = make_receiver()
    receive(tenon, hook_of("github") + "type = issue\n")
    tenon.webhook("out", server.url("/in"), select="type = issue\n")
    tenon.start()
    trace = "00-%s-%s-01" % (os.urandom(16).hex(), os.urandom(8).hex())
    headers, body = sign(signers, "github")
    assert send(tenon, body, {**headers, "traceparent": trace}).status == 200
    wait_for(lambda: server.stats()["records"] == 1, "the record to be delivered")
    assert server.exchanges[0]["headers"]["traceparent"].split("-")[1] == trace.split("-")[1]


def test_counted_for_prometheus(tenon, signers):
    receive(tenon, hook_of("github"))
    tenon.start()
    headers, body = sign(signers, "github")
    send(tenon, body, headers)
    send(tenon, body + " ", headers)
    text = tenon.get("/metrics").body.decode()
    assert 'tenon_hook_requests_total{integration="in",outcome="stored"} 1' in text
    assert 'tenon_hook_requests_total{integration="in",outcome="bad_signature"} 1' in text
    assert 'tenon_hook_entities_total{integration="in"} 1' in text


def test_the_example_takes_in_and_forwards(tenon, signers, make_receiver):
    server = make_receiver(secret=OTHER)
    tenon.environment.update(GITHUB_SECRET=SECRET, FORWARD_SECRET=OTHER)
    for name in ("github", "forward"):
        text = (TOP / "examples/github" / (name + ".ini")).read_text(encoding="utf-8")
        tenon.ini(name, text.replace("https://hooks.example.com", server.url()))
    tenon.start()

    def news(delivery, event, **more):
        body = json.dumps({"repository": {"full_name": "us/it"}, **more})
        headers, body = sign(signers, "github", body=body, delivery=delivery, event=event)
        answer = send(tenon, body, headers, name="github")
        assert answer.status == 200, answer
        return answer.json["created"] + answer.json["updated"]

    issue = {"number": 7, "title": "Broken", "html_url": "https://x/7", "user": {"login": "ann"}}
    assert news("d-1", "issues", action="opened", issue={**issue, "state": "open"}) == 1
    wait_for(lambda: server.stats()["records"] == 1, "the open issue")
    assert news("d-2", "issues", action="closed", issue={**issue, "state": "closed"}) == 1
    assert news("d-3", "push", ref="refs/heads/main") == 0
    again = {**issue, "state": "open"}
    assert news("d-4", "pull_request", action="opened", pull_request=again) == 1
    wait_for(lambda: tenon.integration("forward")["backlog"] == 0, "the lane to be through")
    assert server.stats()["signatures_bad"] == 0
    sent = [json.loads(one["body"]) for one in server.exchanges]
    assert sent[0] == {"text": "ann opened #7: Broken", "url": "https://x/7"}
