# SPDX-License-Identifier: Apache-2.0
"""conf.d/ of the tree, the plugins' own tables and the READMEs agree. Needs a build (TENON_BUILD, else build/)."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD", TOP / "build")).resolve()
SHIPPED = sorted(path.name for path in (TOP / "plugins").iterdir() if (path / (path.name + ".c")).exists())

pytestmark = pytest.mark.skipif(not (BUILD / "host/tenon").exists(), reason="not built: %s" % BUILD)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """`tenon config example [PLUGIN]` with the plugins of the build."""
    folder = tmp_path_factory.mktemp("samples")
    plugins = folder / "plugins"
    plugins.mkdir(mode=0o755)
    for path in (BUILD / "plugins").rglob("*.so"):
        shutil.copy(path, plugins)
    conf = folder / "conf.d"
    conf.mkdir()
    (conf / "tenon.ini").write_text("[host]\nplugin_path = %s\n" % plugins)

    def ask(*arguments):
        run = subprocess.run([str(BUILD / "host/tenon"), "config", "example", *arguments], capture_output=True, text=True,
                             env={**os.environ, "TENON_CONF": str(conf)}, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    return ask


def test_tenon_ini_is_what_the_tables_say(example):
    assert (TOP / "conf.d/tenon.ini").read_text() == example()


@pytest.mark.parametrize("plugin", SHIPPED)
def test_sample_is_what_the_plugin_says(example, plugin):
    samples = [path for path in (TOP / "conf.d").glob("*.ini*") if "plugin = %s\n" % plugin in path.read_text()]
    assert samples, "conf.d/ has no sample for %s" % plugin
    assert example(plugin) in [path.read_text() for path in samples], \
        "make it anew: tenon config example %s > %s" % (plugin, samples[0])


@pytest.mark.parametrize("plugin", SHIPPED)
def test_readme_names_every_option(plugin):
    source = "".join(path.read_text() for path in sorted((TOP / "plugins" / plugin).glob("*.c")))
    readme = (TOP / "plugins" / plugin / "README.md").read_text()
    for option in re.findall(r'TENON_OPTION\(\s*"(\w+)"', source):
        assert option in readme, "plugins/%s/README.md does not name the option '%s'" % (plugin, option)


def test_routes_and_commands_are_in_the_help():
    usage = subprocess.run([str(BUILD / "host/tenon"), "--help"], capture_output=True, text=True, check=True).stdout
    table = (TOP / "host/cli/cli_commands.c").read_text()
    for command in re.findall(r'^    \{"([a-z ]+)", "', table, re.M):
        assert all(word in usage for word in command.split()), "tenon --help does not name '%s'" % command
