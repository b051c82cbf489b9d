# SPDX-License-Identifier: Apache-2.0
"""host/README.md shows the states of a submission as the one table of store_states.c has them."""
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r"^    ROW\((\w+), (\w+), (\w+),", re.MULTILINE)


def table():
    """event -> state it leads to -> the states it leads from, as the guide writes them."""
    found = {}
    for origin, event, to in ROW.findall((TOP / "host/store/store_states.c").read_text()):
        origin = "(new)" if origin == "NONE" else origin.lower()
        event = event.lower().replace("_", " ")
        found.setdefault(event, {}).setdefault(to.lower(), []).append(origin)
    return found


def lines():
    for event, ways in table().items():
        for to, origins in ways.items():
            yield "%-15s %s -> %s" % (event, ", ".join(origins), to)


def test_readme_shows_the_table():
    expected = list(lines())
    assert len(table()) == 19
    text = (TOP / "host/README.md").read_text()
    shown = [
        line for line in text.splitlines() if " -> " in line and line.split("  ")[0] in table()
    ]
    assert shown == expected, "\n".join(["host/README.md is to show:", *expected])


if __name__ == "__main__":
    print("\n".join(lines()))
