#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases out of what the runners wrote themselves: meson's testlog.json (a cmocka
program run with CMOCKA_MESSAGE_OUTPUT=TAP counts by its cases, any other program as one) and
pytest's junit XML.

    tally.py FILE...      one line "PASSED FAILED SKIPPED"; on stderr what failed, and why things
                          were skipped
"""
import collections
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

TAP_LINE = re.compile(r"^(ok|not ok) \d+(?: - )?(?P<name>.*)$")


def count_meson(path):
    """Yields (outcome, name, words)."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            name = test["name"]
            if test["result"] in ("SKIP", "IGNORED"):
                yield "skipped", name, last_line(test)
                continue
            good = test["result"] in ("OK", "EXPECTEDFAIL")
            cases = tap_cases(test.get("stdout", "") + "\n" + test.get("stderr", ""))
            for outcome, case, words in cases:
                yield outcome, "%s: %s" % (name, case), words
            if good and not cases:
                yield "passed", name, ""
            # A crash, a time-out or a sanitizer's complaint after the last case is a failure of its
            # own.
            if not good and not any(outcome == "failed" for outcome, _, _ in cases):
                yield "failed", name, "%s\n%s" % (test["result"], tail(test))


def tap_cases(text):
    cases = []
    for line in text.split("\n"):
        match = TAP_LINE.match(line.strip())
        if match:
            case = match.group("name").strip()
            skipped = "# SKIP" in case.upper()
            cases.append(
                (
                    "skipped" if skipped else "passed" if match.group(1) == "ok" else "failed",
                    case,
                    line,
                )
            )
    return cases


def last_line(test):
    lines = [
        line
        for line in test.get("stdout", "").split("\n") + test.get("stderr", "").split("\n")
        if line.strip()
    ]
    return lines[-1] if lines else "skipped"


def tail(test):
    return "\n".join(
        (test.get("stdout", "") + "\n" + test.get("stderr", "")).strip().split("\n")[-25:]
    )


def count_junit(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = "%s: %s" % (case.get("classname", "").replace("tests.", ""), case.get("name"))
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if bad:
            yield "failed", name, bad[0].get("message") or ""
        elif skipped is not None:
            yield "skipped", name, skipped.get("message") or ""
        else:
            yield "passed", name, ""


def main():
    totals = collections.Counter()
    for path in sys.argv[1:]:
        for outcome, name, words in (count_junit if path.endswith(".xml") else count_meson)(path):
            totals[outcome] += 1
            if outcome == "failed":
                print(
                    "FAILED  %s\n        %s" % (name, words.replace("\n", "\n        ")),
                    file=sys.stderr,
                )
            elif outcome == "skipped":
                print("skipped %s (%s)" % (name, words.split("\n")[0]), file=sys.stderr)
    print(totals["passed"], totals["failed"], totals["skipped"])


if __name__ == "__main__":
    main()
