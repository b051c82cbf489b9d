# SPDX-License-Identifier: Apache-2.0
"""What a stranger gets: each example is copied into an empty folder and built by the one line in
its README, with every compiler there is, as C and as C++, against the header and nothing else.

TENON_INCLUDE names the folder that holds tenon/tenon.h (an installed one, say); without it the
tree's own is used.
"""
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
INCLUDE = Path(os.environ.get("TENON_INCLUDE", TREE / "sdk" / "include"))

# Example: the most lines of code it may have (blank ones and comments are not counted), and the
# needs in its note.
HEADERS = sorted("tenon/" + path.name for path in (TREE / "sdk/include/tenon").glob("*.h"))
EXAMPLES = {
    "hello": {"lines": 15, "needs": ""},
    "poster": {"lines": 35, "needs": ""},
    "copier": {"lines": 86, "needs": "net"},
    "calculator": {"lines": 62, "needs": ""},
    "diary": {"lines": 64, "needs": ""},
    "relay": {"lines": 35, "needs": ""},
    "shop": {"lines": 30, "needs": ""},
    "till": {"lines": 70, "needs": ""},
    "wordcount": {"lines": 95, "needs": ""},
}
COMPILERS = [
    (compiler, language)
    for compiler, language in [
        ("gcc", "c11"),
        ("clang", "c11"),
        ("g++", "c++11"),
        ("clang++", "c++11"),
    ]
    if shutil.which(compiler)
]
STANDARDS = ["c11", "c17", "c++11", "c++14", "c++17"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, text=True, capture_output=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def language_words(standard):
    return (["-x", "c++"] if "++" in standard else []) + [f"-std={standard}"]


def code_lines(source):
    text = re.sub(r"/\*.*?\*/", "", source.read_text(), flags=re.S)
    return [line for line in text.splitlines() if line.strip()]


def readme_line(name):
    """The compiler line of the README: the one that starts with cc."""
    readme = TREE / "examples" / name / "README.md"
    lines = [
        line.strip() for line in readme.read_text().splitlines() if line.strip().startswith("cc ")
    ]
    assert len(lines) == 1, f"{readme} shows {len(lines)} compiler lines, one is expected"
    return lines[0].split()


def note_texts(module):
    """The key=value texts of the plugin's note, read as readelf shows it."""
    shown = run("readelf", "--wide", "--notes", module)
    assert "Corrupt" not in shown
    found = re.search(
        r"Tenon\s+0x[0-9a-f]+\s+Unknown note type: \(0x544e0001\)\s+description data: ([0-9a-f ]+)",
        shown,
    )
    assert found, shown
    description = bytes.fromhex(found[1])
    numbers = [int.from_bytes(description[at : at + 4], "little") for at in (0, 4, 8, 12)]
    texts = description[16:].rstrip(b"\0").decode().split("\0")
    return numbers, dict(text.split("=", 1) for text in texts)


@pytest.mark.parametrize("compiler,standard", COMPILERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_builds_by_one_line_in_an_empty_folder(name, compiler, standard, tmp_path):
    shutil.copy(TREE / "examples" / name / f"{name}.c", tmp_path)
    line = readme_line(name)
    assert f"{name}.c" in line and f"{name}.so" in line
    run(compiler, *WARNINGS, *language_words(standard), *line[1:], f"-I{INCLUDE}", cwd=tmp_path)
    module = tmp_path / f"{name}.so"

    numbers, texts = note_texts(module)
    assert numbers == [1, 1, 1, 0]
    assert texts["name"] == name
    assert texts["license"] == "Apache-2.0"
    assert texts["needs"] == EXAMPLES[name]["needs"]

    exported = [line.split()[-1] for line in run("nm", "-D", "--defined-only", module).splitlines()]
    assert exported == ["tenon_plugin_v1"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_needs_nothing_but_libc(name, tmp_path):
    module = tmp_path / f"{name}.so"
    shutil.copy(TREE / "examples" / name / f"{name}.c", tmp_path)
    run("gcc", *readme_line(name)[1:], f"-I{INCLUDE}", cwd=tmp_path)
    needed = re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "--wide", "--dynamic", module))
    assert set(needed) <= {"libc.so.6", "libpthread.so.0"}
    for line in run("nm", "-D", "--undefined-only", module).splitlines():
        kind, symbol = line.split()[-2:]
        assert kind == "w" or "@GLIBC_" in symbol, f"{name} needs {symbol}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_line_budget_holds(name):
    lines = code_lines(TREE / "examples" / name / f"{name}.c")
    assert len(lines) <= EXAMPLES[name]["lines"]


@pytest.mark.parametrize("compiler", [name for name in ("gcc", "clang") if shutil.which(name)])
@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("header", HEADERS)
def test_header_compiles_alone(header, standard, compiler, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text(
        f"#include <{header}>\nint alone(void);\nint alone(void) {{ return TENON_ABI_MAJOR; }}\n"
    )
    run(
        compiler,
        *WARNINGS,
        *language_words(standard),
        "-Wshadow",
        "-Wundef",
        f"-I{INCLUDE}",
        "-c",
        source,
        "-o",
        tmp_path / "alone.o",
    )


def test_an_action_of_another_type_does_not_compile(tmp_path):
    text = """#include <tenon/tenon.h>
static int32_t add(void *self, %s a, tenon_sink *out, tenon_err *err)
{ (void)self, (void)a, (void)out, (void)err; return 0; }
static const tenon_action actions[] = {TENON_ACTION(add, "add", "Adds.", 0, (i64, a))};
const tenon_action *get(void);
const tenon_action *get(void) { return actions; }
"""
    source = tmp_path / "action.c"
    for compiler, standard in COMPILERS:
        words = [
            compiler,
            *WARNINGS,
            *language_words(standard),
            f"-I{INCLUDE}",
            "-fsyntax-only",
            str(source),
        ]
        source.write_text(text % "int64_t")
        run(*words)
        source.write_text(text % "double")
        assert (
            subprocess.run(words, capture_output=True).returncode != 0
        ), f"{compiler} took the wrong type"


@pytest.mark.parametrize("compiler,standard", COMPILERS)
def test_first_plugin_of_the_sdk_readme_builds(compiler, standard, tmp_path):
    block = re.search(r"```c\n(.*?)```", (TREE / "sdk" / "README.md").read_text(), re.S)
    (tmp_path / "shout.c").write_text(textwrap.dedent(block[1]).rstrip(" "))
    run(
        compiler,
        *WARNINGS,
        *language_words(standard),
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
        "-Wl,-z,defs",
        f"-I{INCLUDE}",
        "-o",
        "shout.so",
        "shout.c",
        cwd=tmp_path,
    )
    assert note_texts(tmp_path / "shout.so")[1]["name"] == "shout"


def option_rows(source):
    """Names of the options in a plugin's TENON_SETTINGS."""
    return re.findall(r'TENON_OPTION\(\s*"([^"]+)"', source.read_text())


@pytest.mark.parametrize(
    "source",
    [
        path
        for folder in ("plugins", "examples")
        for path in sorted((TREE / folder).glob("*/*.c"))
        if path.stem == path.parent.name
    ],
    ids=lambda path: path.stem,
)
def test_readme_lists_every_option(source):
    readme = source.with_name("README.md").read_text()
    listed = re.findall(
        r"^\| `(\w+)` \| (?:text|integer|number|boolean|choice|duration|size|url|path)\b",
        readme,
        re.M,
    )
    assert listed == option_rows(source)
