# SPDX-License-Identifier: Apache-2.0
"""A store that stays small and is asked quickly: what retention leaves of 1,000,000 delivered
submissions and what intake feels of it, and what questions cost among 5,000,000. Measured on the
store itself by tests/bench/store, in a release build."""
import re
import subprocess

from promise import Row, tell
from rig import TOP


def run(mode, count):
    build = TOP / "build-release"
    if not (build / "build.ninja").exists():
        setup = ["meson", "setup", str(build), str(TOP), "--buildtype=release"]
        subprocess.run([*setup, "--prefix=/usr/local"], check=True, stdout=subprocess.DEVNULL)
    program = "tests/bench/store/bench_store"
    subprocess.run(["ninja", "-C", str(build), program], check=True, stdout=subprocess.DEVNULL)
    text = subprocess.run(
        [str(build / program), mode, str(count)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    tell(text.rstrip())
    return text


def measure_retention(arguments):
    text = run("retain", arguments.pile)
    sizes = re.search(r"file: (.*): ratio ([\d.]+)", text)
    latency = re.search(r"ratio of medians ([\d.]+), of p99 ([\d.]+)", text)
    name = "%d delivered submissions of age: " % arguments.pile
    file_ratio, median_ratio = float(sizes.group(2)), float(latency.group(1))
    return [
        Row(
            name + "file after retention / fresh",
            "%.2f" % file_ratio,
            "<= 1.50",
            sizes.group(1),
            file_ratio <= 1.5,
        ),
        Row(
            name + "intake while it is cleaned / else",
            "%.2f" % median_ratio,
            "<= 2.00",
            "medians; of the slowest 1 %%: %s" % latency.group(2),
            median_ratio <= 2,
        ),
    ]


def measure_questions(arguments):
    text = run("big", 5 * arguments.pile)
    found = re.findall(r"^  (\S.*?) +p50 +([\d.]+) ms  p99 +([\d.]+) ms", text, re.M)
    return [
        Row(
            "%s among %d submissions" % (name, 5 * arguments.pile),
            "%.2f ms" % float(p50),
            "< 10 ms",
            "median; the slowest 1 %%: %s ms" % p99,
            float(p50) < 10,
        )
        for name, p50, p99 in found
    ]
