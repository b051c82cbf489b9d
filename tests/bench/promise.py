# SPDX-License-Identifier: Apache-2.0
"""What the promises' measurements share: a row of the table; daemons that stand beside each other
and are fed in turns, so that a slow minute of the machine meets all of them."""
import itertools
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from rig import PROGRAMS, Daemon, Sink, make_events


@dataclass
class Row:
    name: str
    figure: str
    promised: str
    how: str
    is_kept: bool = None  # None: nothing is promised of it
    rounds: list = field(default_factory=list)


def ratio_row(name, ratios, promised, how):
    """The median of the rounds' ratios."""
    middle = statistics.median(ratios)
    return Row(
        name,
        "%.2f" % middle,
        ">= %.2f" % promised,
        "%s; rounds %.2f to %.2f" % (how, min(ratios), max(ratios)),
        middle >= promised,
        list(ratios),
    )


def start_feed(port, events, connections=16, batch=100, rate=None, path="/ingest"):
    """A producer of NDJSON; ends when every record is answered 2xx."""
    command = [str(PROGRAMS / "feed"), "-c", str(connections), "-b", str(batch), "--ndjson"]
    command += ["--ctype", "application/x-ndjson", "--max-s", "3600"]
    if rate:
        command += ["--rate", str(rate)]
    return subprocess.Popen(
        [*command, "http://127.0.0.1:%d%s" % (port, path), str(events)], stdout=subprocess.PIPE
    )


def slices(count, rounds):
    """`rounds` files of `count` records each, all different."""
    whole = make_events(count * rounds)
    with open(whole, "rb") as file:
        for number in range(rounds):
            path = whole.with_suffix(".%d" % number)
            path.write_bytes(b"".join(itertools.islice(file, count)))
            yield path
            path.unlink()


class Contender:
    """A daemon with a sink of its own."""

    def __init__(self, stack, prepare=None, mode="one", **faults):
        self.sink = stack.enter_context(Sink())
        if faults:
            self.sink.set(**faults)
        self.daemon = stack.enter_context(Daemon(mode, self.sink.port, prepare))
        self.sent = 0
        self.rates = []

    def deliver(self, events, count, share=1.0, timeout_s=300):
        """One round; ends when all of it arrived. The rate is taken when `share` of it had."""
        feed = start_feed(self.daemon.port, events)
        started = time.monotonic()
        wait_for_arrivals(self.sink, self.sent + int(count * share), timeout_s)
        self.rates.append(count * share / (time.monotonic() - started))
        self.sent += count
        wait_for_arrivals(self.sink, self.sent, timeout_s)
        feed.communicate()


def in_turns(contenders, count, rounds, share=1.0):
    """Every contender delivers every slice; who is first changes each time."""
    names = list(contenders)
    for number, events in enumerate(slices(count, rounds)):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            contenders[name].deliver(events, count, share)
        rates = ", ".join("%s %.0f/s" % (name, contenders[name].rates[-1]) for name in names)
        tell("round %d: %s" % (number + 1, rates))


def wait_for_arrivals(sink, wanted, timeout_s=300):
    deadline = time.monotonic() + timeout_s
    while sink.stats()["unique"] < wanted:
        if time.monotonic() > deadline:
            raise SystemExit(
                "bench: %d of %d records after %g s" % (sink.stats()["unique"], wanted, timeout_s)
            )
        time.sleep(0.005)


def tell(words):
    print(words, file=sys.stderr, flush=True)
