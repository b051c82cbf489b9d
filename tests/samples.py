#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the samples of conf.d/ out of what `tenon config example` prints: the same text with a few
keys set, so that each is a complete file that `tenon config check` accepts. tests/house holds the
tree to it.

    tests/samples.py --write     after a change to an option table

Needs a build (TENON_BUILD, else build/)."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build")).resolve()

# file -> (plugin, what it sets). Switched off: whoever installs Tenon has not asked for any of it
# yet.
SAMPLES = {
    "webhook": (
        "webhook",
        {
            ("integration", "enabled"): "no",
            ("integration", "base_url"): "https://hooks.example.com",
            ("select", "type"): "event",
            ("settings", "path"): "/events",
        },
    ),
    "archive": (
        "archive",
        {
            ("integration", "enabled"): "no",
            ("integration", "allow_paths"): "/var/lib/tenon/archive",
            ("settings", "directory"): "/var/lib/tenon/archive",
        },
    ),
    "ffi": (
        "ffi",
        {
            ("integration", "enabled"): "no",
            ("select", "selector"): "none",
            ("settings", "library"): "libz.so.1",
            ("settings", "functions"): "\n"
            "    unsigned long crc32(unsigned long crc = 0, const void *data,\n"
            "                        unsigned int n = length(data)) read_only # CRC-32 of data\n"
            "    const char *zlibVersion(void) as version read_only",
        },
    ),
    # The jq plugin serves `where` and [transform] of other integrations; so that is what its sample
    # shows.
    "jq": (
        "webhook",
        {
            ("integration", "enabled"): "no",
            ("integration", "base_url"): "https://hooks.example.com",
            ("select", "type"): "event",
            ("select", "where"): ".price.amount > 10",
            ("transform", "jq"): "{title, starts: .start, city: .venue.city}",
        },
    ),
    "ticketfairy": (
        "ticketfairy",
        {
            ("integration", "enabled"): "no",
            ("integration", "base_url"): "https://tickets.example.com",
            ("select", "selector"): "unsubmitted",
            ("select", "type"): "event",
        },
    ),
}


def example(*arguments):
    """`tenon config example [PLUGIN]` with the plugins of the build."""
    with tempfile.TemporaryDirectory() as folder:
        plugins = pathlib.Path(folder, "plugins")
        plugins.mkdir(mode=0o755)
        for path in (BUILD / "plugins").rglob("*.so"):
            shutil.copy(path, plugins)
        pathlib.Path(folder, "tenon.ini").write_text("[host]\nplugin_path = %s\n" % plugins)
        run = subprocess.run(
            [str(BUILD / "host/tenon"), "config", "example", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "TENON_CONF": folder},
            check=False,
        )
    if run.returncode != 0:
        raise SystemExit("tenon config example %s: %s" % (" ".join(arguments), run.stderr))
    return run.stdout


def make(name):
    plugin, values = SAMPLES[name]
    left = dict(values)
    lines = []
    section = ""
    for line in example(plugin).split("\n"):
        head = re.match(r"^\[(\w+)\]$", line)
        section = head.group(1) if head else section
        key = re.match(r"^(?:# )?([a-z_0-9]+) =(?: .*)?$", line)
        value = left.pop((section, key.group(1)), None) if key else None
        if value is not None:
            line = "%s =%s%s" % (key.group(1), "" if value.startswith("\n") else " ", value)
        lines.append(line)
    if left:
        raise SystemExit("conf.d/%s.ini: no such key any more: %r" % (name, sorted(left)))
    return "\n".join(lines)


def main():
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    (TOP / "conf.d/tenon.ini").write_text(example())
    for name in SAMPLES:
        (TOP / "conf.d" / (name + ".ini")).write_text(make(name))


if __name__ == "__main__":
    main()
