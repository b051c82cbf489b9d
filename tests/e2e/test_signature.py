# SPDX-License-Identifier: Apache-2.0
"""Standard Webhooks signatures, verified by the receiver's own implementation."""
import base64
import os

import receiver as receiver_module
from daemon import wait_for

SIGNED = "[signature]\nscheme = standard-webhooks\nsecret = ${env:HOOK_SECRET}\n"


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(24)).decode()


def test_the_receiver_knows_the_published_vector():
    """The example of the specification, so that the receiver is not merely wrong in the same way as
    the sender."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    verdict = receiver_module.signature_verdict
    assert (
        verdict("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body, now=1614265330) == "good"
    )
    assert (
        verdict("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body + b" ", now=1614265330)
        != "good"
    )
    assert (
        verdict("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body, now=1614265930) != "good"
    )


def test_every_request_is_signed(tenon, make_receiver):
    secret = new_secret()
    server = make_receiver(secret=secret)
    tenon.environment["HOOK_SECRET"] = secret
    tenon.webhook("hooks", server.url("/in"), more=SIGNED)
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number, "text": "Ünïcode"} for number in range(100)))
    wait_for(lambda: server.stats()["records"] == 100, "100 signed records")
    stats = server.stats()
    assert (stats["signatures_good"], stats["signatures_bad"], stats["signatures_missing"]) == (
        100,
        0,
        0,
    )
    assert all(one["headers"]["webhook-id"] for one in server.exchanges)


def test_signature_of_each_try_is_fresh_and_its_id_is_not(tenon, make_receiver):
    secret = new_secret()
    server = make_receiver(secret=secret)
    server.break_it(status=503, count=1, retry_after=2)
    tenon.environment["HOOK_SECRET"] = secret
    tenon.webhook("hooks", server.url("/in"), more=SIGNED)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: server.stats()["records"] == 1, "the second try")
    first, second = (one["headers"] for one in server.exchanges)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(first["webhook-timestamp"]) < int(second["webhook-timestamp"])


def test_batches_are_signed_as_a_whole(tenon, make_receiver):
    secret = new_secret()
    server = make_receiver(secret=secret)
    tenon.environment["HOOK_SECRET"] = secret
    tenon.webhook("hooks", server.url("/in"), settings="batch = 20\nformat = ndjson\n", more=SIGNED)
    tenon.start()
    tenon.add(*({"id": "evt-%d" % number} for number in range(200)))
    wait_for(lambda: server.stats()["records"] == 200, "200 records in signed batches")
    assert server.stats()["signatures_bad"] == 0


def test_a_wrong_secret_is_refused_and_shown(tenon, make_receiver):
    server = make_receiver(secret=new_secret())
    tenon.environment["HOOK_SECRET"] = new_secret()
    tenon.webhook("hooks", server.url("/in"), more=SIGNED)
    tenon.start()
    tenon.add({"id": "evt-1"})
    wait_for(lambda: tenon.states("hooks").get("retrying"), "a try that the receiver refused")
    assert "401" in tenon.why("evt-1").body.decode()
    assert server.stats()["accepted"] == 0
