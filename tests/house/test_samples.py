# SPDX-License-Identifier: Apache-2.0
"""conf.d/ of the tree, the plugins' own tables and the READMEs agree. Needs a build (TENON_BUILD,
else build/)."""
import re
import shutil
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, __file__.rsplit("/", 2)[0])

import samples  # noqa: E402 (the path above comes first)
from samples import BUILD, TOP  # noqa: E402

SHIPPED = sorted(
    path.name for path in (TOP / "plugins").iterdir() if (path / (path.name + ".c")).exists()
)

pytestmark = pytest.mark.skipif(not (BUILD / "host/tenon").exists(), reason="not built: %s" % BUILD)


def test_tenon_ini_is_what_the_tables_say():
    assert (TOP / "conf.d/tenon.ini").read_text() == samples.example()


@pytest.mark.parametrize("plugin", SHIPPED)
def test_sample_is_what_the_plugin_says(plugin):
    assert (TOP / "conf.d" / (plugin + ".ini")).read_text() == samples.make(
        plugin
    ), "make it anew: tests/samples.py --write"


def test_samples_work(tmp_path):
    """The folder as it is, but for where the plugins of this build lie, is accepted."""
    plugins = tmp_path / "plugins"
    plugins.mkdir(mode=0o755)
    for path in (BUILD / "plugins").rglob("*.so"):
        shutil.copy(path, plugins)
    conf = tmp_path / "conf.d"
    shutil.copytree(TOP / "conf.d", conf)
    host = (conf / "tenon.ini").read_text()
    (conf / "tenon.ini").write_text(host.replace("# plugin_path =", "plugin_path = %s" % plugins))
    run = subprocess.run(
        [str(BUILD / "host/tenond"), "--conf", str(conf), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 errors" in run.stdout, run.stdout


@pytest.mark.parametrize("plugin", SHIPPED)
def test_readme_names_every_option(plugin):
    source = "".join(path.read_text() for path in sorted((TOP / "plugins" / plugin).glob("*.c")))
    readme = (TOP / "plugins" / plugin / "README.md").read_text()
    for option in re.findall(r'TENON_OPTION\(\s*"(\w+)"', source):
        assert option in readme, "plugins/%s/README.md does not name the option '%s'" % (
            plugin,
            option,
        )


def test_routes_and_commands_are_in_the_help():
    usage = subprocess.run(
        [str(BUILD / "host/tenon"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    table = (TOP / "host/cli/cli_commands.c").read_text()
    for command in re.findall(r'^    \{"([a-z ]+)", "[^"]*", \w+, CLI_', table, re.M):
        assert all(word in usage for word in command.split()), (
            "tenon --help does not name '%s'" % command
        )
