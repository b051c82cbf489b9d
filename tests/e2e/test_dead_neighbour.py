# SPDX-License-Identifier: Apache-2.0
"""A destination that is dead for the whole run costs rows, not its neighbours and not memory.

A rival fails this: one queue or one worker pool for all outputs fills up with what cannot leave,
and then nothing leaves (the complaint heard most about log shippers and flow engines). Here each
integration has a lane of its own over the one store."""
import contextlib
import pathlib
import re
import statistics
import time

import pytest
from daemon import PATIENCE, SANITIZED, Tenon, wait_for
from dead_peers import refusing, silent

BATCH = "batch = 100\nformat = ndjson\n"


@pytest.fixture(params=[refusing, silent], ids=["refusing", "silent"])
def dead(request):
    with request.param() as port:
        yield "http://127.0.0.1:%d/in" % port


def feed(tenon, first, count, text="x" * 200):
    """Records evt-<first>... in posts of 1000."""
    for start in range(first, first + count, 1000):
        lines = (
            '{"id":"evt-%d","text":"%s"}' % (number, text)
            for number in range(start, min(start + 1000, first + count))
        )
        answer = tenon.post(
            "/api/v1/entities?type=event", "\n".join(lines), content_type="application/x-ndjson"
        )
        assert 200 <= answer.status < 300, answer


def succeeded(tenon, integration):
    """How many of its submissions did: by the counter, since 100,000 rows fill many pages."""
    text = tenon.get("/metrics").body.decode()
    found = re.search(
        r'^tenon_submissions\{integration="%s",state="succeeded"\} (\d+)' % integration, text, re.M
    )
    return int(found.group(1)) if found else 0


def resident_kb(pid):
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))


def test_the_others_records_arrive_and_memory_stays_flat(tenon, make_receiver, dead):
    """100,000 rows pile up for a destination that is dead; from the first 20,000 on, when caches
    are full, tenond grows by less than 2 MB."""
    living = make_receiver(keep=False)
    tenon.host_ini(log="level = warn\n")
    tenon.webhook("dead", dead)
    tenon.webhook("living", living.url("/in"), settings=BATCH)
    tenon.start()
    piled, rounds = 20000, 4
    feed(tenon, 0, piled)
    wait_for(lambda: succeeded(tenon, "living") == piled, "the first 20,000", timeout=60)
    first_kb = most_kb = resident_kb(tenon.process.pid)
    for _ in range(rounds):
        feed(tenon, piled, 20000)
        piled += 20000
        wait_for(lambda: succeeded(tenon, "living") == piled, "%d records" % piled, timeout=60)
        most_kb = max(most_kb, resident_kb(tenon.process.pid))
    print("%d rows: from %d kB to %d kB at most" % (piled, first_kb, most_kb))
    stats = living.stats()
    assert stats["records"] == piled and stats["duplicates"] == 0
    assert succeeded(tenon, "dead") == 0
    shown = tenon.why("evt-0").body.decode()
    assert '"succeeded"' in shown and "dead" in shown, shown
    if not SANITIZED:  # a sanitizer keeps what is freed
        assert most_kb - first_kb <= 2048


def test_the_other_keeps_its_pace(folder, make_receiver, dead):
    """Alternating rounds of two daemons, one with the living integration alone, one with the dead
    one beside it. On a busy machine a single round says little, so it is the median of their
    ratios that counts, and the promise itself (0.95) is a row of tests/bench/promises."""
    count, rounds = 8000, 15
    living = make_receiver(keep=False)
    took_s = {"alone": [], "beside": []}
    daemons = {}
    with contextlib.ExitStack() as stack:
        for name in took_s:
            (folder / name).mkdir()
            daemons[name] = tenon = Tenon(folder / name)
            stack.callback(tenon.kill)
            tenon.host_ini(log="level = warn\n")
            tenon.webhook("living", living.url("/" + name), settings=BATCH)
            if name == "beside":
                tenon.webhook("dead", dead)
            tenon.start()
            feed(tenon, 0, 1000)
            wait_for(lambda t=tenon: succeeded(t, "living") == 1000, "the first 1,000")
        sent = 1000
        for number in range(rounds):
            for name in sorted(took_s, reverse=number % 2 == 1):
                tenon = daemons[name]
                started = time.monotonic()
                feed(tenon, sent, count)
                wait_for(
                    lambda t=tenon: succeeded(t, "living") == sent + count,
                    "%d records, %s" % (count, name),
                    timeout=60,
                )
                took_s[name].append(time.monotonic() - started)
            sent += count
        assert succeeded(daemons["beside"], "dead") == 0
    ratio = statistics.median(a / b for a, b in zip(took_s["alone"], took_s["beside"]))
    print(
        "alone %.0f/s, beside a dead one %.0f/s; median of the rounds' ratios %.2f"
        % (*(rounds * count / sum(took_s[name]) for name in ("alone", "beside")), ratio)
    )
    if PATIENCE == 1 and not SANITIZED:
        assert ratio >= 0.8
