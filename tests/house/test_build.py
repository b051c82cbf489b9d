# SPDX-License-Identifier: Apache-2.0
"""What a machine can build that has only what Tenon itself needs, as after the quickstart."""
import json
import os
import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def test_the_benchmarks_build_where_there_is_no_cmocka(tmp_path):
    finder = tmp_path / "pkg-config"
    finder.write_text(
        '#!/bin/sh\ncase " $* " in *" cmocka "*) exit 1 ;; esac\nexec %s "$@"\n'
        % shutil.which("pkg-config")
    )
    finder.chmod(0o755)
    # No second way to find it either.
    native = tmp_path / "native.ini"
    native.write_text("[binaries]\ncmake = '%s'\n" % (tmp_path / "no-cmake"))
    setup = ["meson", "setup", str(tmp_path / "build"), str(TOP), "--native-file", str(native)]
    done = subprocess.run(
        setup,
        env={**os.environ, "PKG_CONFIG": str(finder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "no cmocka: tests are not built" in done.stdout
    targets = json.loads(
        subprocess.run(
            ["meson", "introspect", "--targets", str(tmp_path / "build")],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    names = {target["name"] for target in targets}
    assert {"tenond", "tenon-worker", "webhook"} <= names
    assert {"bench_store", "bench_action", "bench_client", "curl_bare"} <= names
    assert not {name for name in names if name.startswith("test_")}
