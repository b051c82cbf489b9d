#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds what Tenon installs (release, no tests) and installs it below DIR, from where it runs as it would below /.
#   tests/install.sh BUILD DIR
# BUILD is made on first use. The last line printed is the folder that holds bin/.
set -eu

[ $# = 2 ] || { echo "usage: tests/install.sh BUILD DIR" >&2; exit 2; }
top=$(cd -P "$(dirname "$0")/.." && pwd)
build=$1
mkdir -p "$2"
root=$(cd -P "$2" && pwd)

[ -f "$build/build.ninja" ] || meson setup "$build" "$top" --buildtype=release --prefix=/usr/local >"$root/setup.log" 2>&1 || {
    cat "$root/setup.log" >&2
    exit 1
}
targets=$(meson introspect --targets "$build" | python3 -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["installed"]:
        print(os.path.relpath(target["filename"][0], sys.argv[1]))' "$(cd -P "$build" && pwd)")
# shellcheck disable=SC2086 # the list is words
ninja -C "$build" $targets >"$root/build.log" 2>&1 || { tail -n 60 "$root/build.log" >&2; exit 1; }
meson install -C "$build" --no-rebuild --destdir "$root" >"$root/install.log" 2>&1 || { cat "$root/install.log" >&2; exit 1; }
echo "$root/usr/local"
