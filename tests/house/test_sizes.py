# SPDX-License-Identifier: Apache-2.0
"""A function fits on a screen, a file holds one idea, every source says its licence, and nothing is
left half done."""
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FUNCTION_LINES = 80
FILE_LINES = 700
COLUMNS = 100
PROBE = """static int short_one(void)
{
    return 0;
}

int long_one(int a,
             int b)
{
%s}
"""


def tracked(*endings):
    listed = subprocess.run(
        ["git", "-C", str(TOP), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:  # a tarball instead of a clone
        names = [
            str(path.relative_to(TOP))
            for path in TOP.rglob("*")
            if path.is_file()
            and "build" not in path.parts[-2]
            and "node_modules" not in path.parts
        ]
    return [
        TOP / name for name in sorted(names) if name.endswith(endings) and (TOP / name).is_file()
    ]


def functions(text):
    """(name, first line, lines) of each function: a body is a brace in column 0 to a brace in
    column 0."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line != "{":
            continue
        start = at
        while (
            start > 0
            and lines[start - 1].strip()
            and not lines[start - 1].startswith(("}", "#", "/*", " */"))
        ):
            start -= 1
        end = next((k for k in range(at, len(lines)) if lines[k].startswith("}")), len(lines) - 1)
        name = re.search(r"(\w+)\s*\(", " ".join(lines[start:at]))
        yield (name.group(1) if name else "?"), start + 1, end - start + 1


def test_functions_fit_on_a_screen():
    long_ones = [
        "%s:%d: %s has %d lines" % (path.relative_to(TOP), line, name, size)
        for path in tracked(".c", ".h", ".cpp")
        for name, line, size in functions(path.read_text(encoding="utf-8"))
        if size > FUNCTION_LINES
    ]
    assert not long_ones, "\n".join(long_ones)


def test_files_hold_one_idea():
    long_ones = []
    for path in tracked(".c", ".h", ".cpp", ".py", ".sh", ".mjs"):
        size = path.read_text(encoding="utf-8").count("\n")
        # A plugin's author needs one header and no other: the contract stays in one piece.
        if size > FILE_LINES and path != TOP / "sdk/include/tenon/tenon.h":
            long_ones.append("%s has %d lines" % (path.relative_to(TOP), size))
    assert not long_ones, "\n".join(long_ones)


def test_lines_fit_a_hundred_columns():
    wide = [
        "%s:%d: %d columns" % (path.relative_to(TOP), number, len(line))
        for path in tracked(".c", ".h", ".cpp", ".py", ".sh", ".mjs")
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if len(line) > COLUMNS
    ]
    assert not wide, "\n".join(wide)


def test_the_measure_itself_measures():
    assert list(functions(PROBE % ("    b++;\n" * 90))) == [
        ("short_one", 1, 4),
        ("long_one", 6, 94),
    ]


def test_every_source_says_its_licence():
    missing = [
        str(path.relative_to(TOP))
        for path in tracked(".c", ".h", ".cpp", ".py", ".sh", ".mjs")
        if "SPDX-License-Identifier: Apache-2.0" not in path.read_text(encoding="utf-8")[:300]
    ]
    assert not missing, "\n".join(missing)


def test_nothing_is_left_open():
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    left = [
        "%s:%d: %s" % (path.relative_to(TOP), number, line.strip())
        for path in tracked(".c", ".h", ".cpp", ".py", ".sh", ".mjs")
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if mark.search(line)
    ]
    assert not left, "\n".join(left)


def test_only_the_agreed_tops():
    allowed = {
        "meson.build",
        "meson.options",
        "host",
        "sdk",
        "plugins",
        "examples",
        "conf.d",
        "tests",
        "README.md",
        "LICENSE",
        "CONTRIBUTING.md",
    }
    tops = {path.relative_to(TOP).parts[0] for path in tracked("")}
    assert {top for top in tops if not top.startswith(".")} <= allowed


def test_no_function_that_hides_an_overrun():
    """strcpy and friends have no place where every byte may be hostile."""
    banned = re.compile(
        r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|system|popen|tmpnam|mktemp)\s*\("
    )
    found = [
        "%s:%d: %s" % (path.relative_to(TOP), number, line.strip())
        for folder in ("host", "plugins", "examples", "sdk")
        for path in tracked(".c", ".h")
        if path.is_relative_to(TOP / folder)
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if banned.search(line.split("//")[0])
    ]
    assert not found, "\n".join(found)
