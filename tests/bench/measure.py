# SPDX-License-Identifier: Apache-2.0
"""Looks at a process tree from outside: memory and processor time, out of /proc."""
import collections
import os
import pathlib
import re
import threading
import time

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


def stolen_s():
    """Processor time that this machine was not given, as a guest of another, since it started."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) * TICK_S


def tree(pid):
    """pid and everything below it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                )
            except OSError:
                pass  # gone meanwhile
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def name_of(pid):
    """tenond, or tenon-worker with the plugin that it holds."""
    try:
        words = (
            pathlib.Path("/proc/%d/cmdline" % pid)
            .read_bytes()
            .decode("utf-8", "replace")
            .split("\0")
        )
    except OSError:
        return "gone"
    plugins = [os.path.basename(word)[:-3] for word in words if word.endswith(".so")]
    return os.path.basename(words[0]) + ("(%s)" % plugins[0] if plugins else "")


def memory_kb(pid):
    """(PSS, RSS) in kB; zeros for a process that is gone."""
    try:
        text = pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text()
    except OSError:
        return 0, 0
    return tuple(
        int(re.search(r"^%s:\s+(\d+)" % word, text, re.M).group(1)) for word in ("Pss", "Rss")
    )


def cpu_s(pid):
    try:
        fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S


def where_memory_is(pid):
    """PSS in kB by kind of mapping: heap, anonymous, stacks, each library."""
    kinds = collections.Counter()
    kind = "?"
    for line in pathlib.Path("/proc/%d/smaps" % pid).read_text().split("\n"):
        head = re.match(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$", line)
        if head:
            kind = os.path.basename(head.group(1)) or "anonymous"
        elif line.startswith("Pss:"):
            kinds[kind] += int(line.split()[1])
    return kinds


class Watch:
    """Samples the sum over a tree until stopped; keeps the peaks."""

    def __init__(self, pid, every_s=0.1):
        self.pid = pid
        self.every_s = every_s
        self.peak_pss_kb = 0
        self.peak_rss_kb = 0
        self.at_peak = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        pids = []
        looked_at = 0.0
        while not self.ended.wait(self.every_s):
            if time.monotonic() - looked_at > 1:
                pids = tree(self.pid)
                looked_at = time.monotonic()
            now = {pid: memory_kb(pid) for pid in pids}
            pss = sum(one[0] for one in now.values())
            if pss > self.peak_pss_kb:
                self.peak_pss_kb = pss
                self.at_peak = {name_of(pid): one[0] for pid, one in now.items()}
            self.peak_rss_kb = max(self.peak_rss_kb, sum(one[1] for one in now.values()))

    def stop(self):
        self.ended.set()
        self.thread.join()
