#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Actions over HTTP: one connection set, the calculator of the examples, calls a second.

    tests/bench/action/rate.py [CALLS [CONNECTIONS]]

Needs a build (TENON_BUILD, else build/) with `ninja tests/bench/http/bench_client`."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/e2e"))
sys.dont_write_bytecode = True

from daemon import BUILD, Tenon, build_plugin, wait_for  # noqa: E402 (the path comes first)

PROMISED = 5000
ROUNDS = 3


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 40000
    connections = sys.argv[2] if len(sys.argv) > 2 else "16"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tenon-bench-"))
    tenon = Tenon(folder)
    try:
        build_plugin(TOP / "examples/calculator/calculator.c", folder / "more/calculator.so")
        tenon.host_ini(plugins=[folder / "more"], log="level = info\n")
        tenon.ini("calc", "[integration]\nplugin = calculator\n[select]\nselector = none\n")
        tenon.start()
        wait_for(lambda: tenon.integration("calc")["state"] == "active", "calc")
        lines = folder / "lines"
        lines.write_text("".join('{"a":%d,"b":2}\n' % i for i in range(calls)))
        url = "http://127.0.0.1:%d/api/v1/integrations/calc/actions/add" % tenon.port
        rates = []
        for _ in range(ROUNDS):
            shown = subprocess.run(
                [BUILD / "tests/bench/http/bench_client", url, lines, connections],
                capture_output=True,
                check=True,
            ).stdout
            figures = json.loads(shown)
            assert figures["failed"] == 0, shown
            rates.append(figures["requests_s"])
            print("%d calls, %s connections: %d a second" % (calls, connections, rates[-1]))
    finally:
        tenon.kill()
        shutil.rmtree(folder)
    median = sorted(rates)[ROUNDS // 2]
    print("median %d a second (promised: at least %d)" % (median, PROMISED))
    return 0 if median >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
