# SPDX-License-Identifier: Apache-2.0
"""A plugin replaced 50 times and an ini changed 50 times under load, broken ones in between:
nothing is lost, no version of an entity comes after a newer one, and a lane that nobody touched
goes on.

A rival fails this: a reload is a restart in disguise there, which stops every output, and what was
in hand is lost or sent again."""
import json
import os
import threading

from daemon import PATIENCE, QUICK_RETRY, SANITIZED, TOP, build_plugin, wait_for

CHANGES = 50
GAP_MS = 1000  # the promise is 100 ms, a row of tests/bench/promises; this machine is not alone


class Load(threading.Thread):
    """Without end: new versions of 50 entities, and as many entities that come once."""

    def __init__(self, tenon):
        super().__init__(daemon=True)
        self.tenon = tenon
        self.sent = 0
        self.ending = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.ending.wait(0.005):
                numbers = range(self.sent, self.sent + 10)
                self.tenon.add(
                    *({"id": "often-%d" % (number % 50), "n": number} for number in numbers),
                    *({"id": "once-%d" % number, "n": number} for number in numbers),
                )
                self.sent += 10
        except Exception as error:  # shown by the test that waits
            self.failure = error

    def stop(self):
        self.ending.set()
        self.join()
        assert self.failure is None, self.failure

    def last(self):
        """entity -> the number of its last version."""
        found = {"once-%d" % number: number for number in range(self.sent)}
        found.update({"often-%d" % (number % 50): number for number in range(self.sent)})
        return found


class Books:
    """What one destination got, read on from where it was read last."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.read = 0
        self.latest = {}
        self.paths = set()
        self.times = []

    def look(self):
        with self.receiver.lock:
            new = self.receiver.exchanges[self.read :]
        for one in new:
            record = json.loads(one["body"])
            assert record["n"] > self.latest.get(record["id"], -1), (record, self.latest)
            self.latest[record["id"]] = record["n"]
            self.paths.add(one["path"])
            self.times.append(one["at"])
        self.read += len(new)
        return self

    def longest_gap_ms(self, first=0, last=None):
        times = self.times[first:last]
        return max((b - a) * 1000 for a, b in zip(times, times[1:]))


def builds_of(tenon):
    """Builds without end of a plugin that says its version in the path: one build, with the
    version's bytes changed."""
    whole = build_plugin(
        TOP / "tests/e2e/plugins/versioned.c",
        tenon.folder / "build/versioned.so",
        'PLUGIN_VERSION="v000"',
    ).read_bytes()
    assert b"v000" in whole
    return lambda number: whole.replace(b"v000", b"v%03d" % number)


def put(data, target):
    """As an installer does: beside it under another name, then into its place."""
    beside = target.with_name("." + target.name)
    beside.write_bytes(data)
    beside.chmod(0o755)
    os.replace(beside, target)


def test_50_plugins_50_inis_and_broken_ones_in_between(tenon, make_receiver):
    plugins = tenon.folder / "plugins"
    plugins.mkdir(mode=0o755)
    tenon.host_ini(plugins=[plugins], log="level = warn\n")
    books = {name: Books(make_receiver()) for name in ("replaced", "changed", "other")}
    build = builds_of(tenon)
    put(build(0), plugins / "versioned.so")
    tenon.ini(
        "replaced",
        "[integration]\nplugin = versioned\nbase_url = %s\n[select]\nselector = changed\n%s"
        % (books["replaced"].receiver.url(), QUICK_RETRY),
    )

    def change_ini(number):
        url = books["changed"].receiver.url("/ini/%d" % number)
        tenon.webhook("changed", url, select="selector = changed\n")

    change_ini(0)
    tenon.webhook("other", books["other"].receiver.url("/in"), select="selector = changed\n")
    tenon.start()
    other = tenon.integration("other")["worker"]["pid"]
    load = Load(tenon)
    load.start()
    wait_for(lambda: len(books["other"].look().times) > 500, "some load")
    before = len(books["other"].times)
    for number in range(1, CHANGES + 1):
        put(build(number), plugins / "versioned.so")
        change_ini(number)
        for name, path in (("replaced", "/version/v%03d"), ("changed", "/ini/%d")):
            wait_for(
                lambda name=name, path=path % number: path in books[name].look().paths,
                "%s by change %d" % (name, number),
                timeout=60,
            )
        if number == CHANGES // 2:
            put(build(999)[:5000], plugins / "versioned.so")
            ini = tenon.conf / "changed.ini"
            ini.write_text(ini.read_text().replace("max_attempts = 100", "max_attempts = some"))
            for name in ("replaced", "changed"):
                wait_for(
                    lambda name=name: "former" in tenon.integration(name).get("words", ""),
                    "%s to go on as it was" % name,
                    timeout=60,
                )
    during = len(books["other"].look().times)
    quiet = load.sent
    wait_for(lambda: load.sent > quiet + 500, "load without a change")
    load.stop()
    for name in books:
        wait_for(
            lambda name=name: books[name].look().latest == load.last(),
            "every last version at %s" % name,
            timeout=60,
            every=0.2,
        )
        assert books[name].receiver.stats()["duplicates"] == 0
    gap = books["other"].longest_gap_ms(before, during)
    print(
        "%d entities, %d versions; the untouched lane's longest gap %.0f ms, else %.0f ms"
        % (len(load.last()), load.sent * 2, gap, books["other"].longest_gap_ms(during))
    )
    worker = tenon.integration("other")["worker"]
    assert worker["pid"] == other and worker["starts"] == 1
    assert "/version/v999" not in books["replaced"].paths
    wait_for(lambda: len(tenon.workers()) == 2, "the former workers to end")
    if PATIENCE == 1 and not SANITIZED:
        assert gap <= GAP_MS
