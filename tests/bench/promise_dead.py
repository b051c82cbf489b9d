# SPDX-License-Identifier: Apache-2.0
"""Two integrations want the same records and one's destination is dead for the whole run: it
refuses connections, or it takes them and never answers. What the other still delivers, compared
with a daemon that has it alone; and the daemon's memory while rows pile up."""
import contextlib
import pathlib
import re
import statistics
import sys
import time

from promise import Contender, Row, in_turns, ratio_row, start_feed, tell
from rig import Daemon, Sink, make_events

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from dead_peers import refusing, silent  # noqa: E402 (the path above comes first)

DEAD = {"refuses connections": refusing, "takes them and never answers": silent}


def with_dead(port):
    def prepare(folder):
        (folder / "conf.d").mkdir()
        (folder / "conf.d/dead.ini").write_text(
            "[integration]\nplugin = webhook\nbase_url = http://127.0.0.1:%d\n"
            "[settings]\npath = /x\n" % port
        )

    return prepare


def measure_rates(arguments):
    with contextlib.ExitStack() as stack:
        contenders = {"alone": Contender(stack)}
        for dead, make in DEAD.items():
            contenders[dead] = Contender(stack, with_dead(stack.enter_context(make())))
        in_turns(contenders, arguments.events, arguments.rounds)
    rows = []
    for dead in DEAD:
        ratios = [b / a for b, a in zip(contenders[dead].rates, contenders["alone"].rates)]
        how = "rate / rate alone, %d rounds of %d" % (arguments.rounds, arguments.events)
        rows.append(ratio_row("beside one that " + dead, ratios, 0.95, how))
    return rows


def resident_kb(pid):
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1))


def memory_row(name, samples):
    """Flat: the medians of ten stretches of the run lie that close together. What a moment takes
    more, and gives back, is told beside it."""
    stretches = [samples[len(samples) * i // 10 : len(samples) * (i + 1) // 10] for i in range(10)]
    medians = [statistics.median(one) for one in stretches]
    spread_kb = max(medians) - min(medians)
    return Row(
        name,
        "%.1f MB" % (spread_kb / 1024),
        "<= 2.0 MB",
        "resident: the medians of ten stretches are %.1f to %.1f MB, the first %.1f, the last %.1f;"
        " the most at any time %.1f"
        % tuple(
            kb / 1024 for kb in (min(medians), max(medians), medians[0], medians[-1], max(samples))
        ),
        spread_kb <= 2048,
        samples,
    )


def measure_memory(arguments):
    """From when a tenth of the rows is there, caches being full then, to the last."""
    events = make_events(arguments.pile)
    rows = []
    for dead, make in DEAD.items():
        with make() as port, Sink() as sink, Daemon("batch", sink.port, with_dead(port)) as daemon:
            feed = start_feed(daemon.port, events)
            samples = []
            while feed.poll() is None or sink.stats()["unique"] < arguments.pile:
                daemon.is_alive()
                if sink.stats()["unique"] >= arguments.pile // 10:
                    samples.append(resident_kb(daemon.process.pid))
                time.sleep(0.1)
            feed.communicate()
        rows.append(memory_row("%s: tenond, %d rows pile up" % (dead, arguments.pile), samples))
        tell("%s: %s, %s" % (rows[-1].name, rows[-1].figure, rows[-1].how))
    return rows
