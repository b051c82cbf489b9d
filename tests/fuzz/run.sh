#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds every tests/fuzz/NAME/fuzz_*.c with libFuzzer, the address and the undefined sanitizer
# against the rooms of the house, and runs each on its seeds for FUZZ_SECONDS (60), two at a time.
# Prints "ok NAME" or "not ok NAME" per target.
#   tests/fuzz/run.sh [NAME...]
# What a target found stays in build-fuzz/found/NAME; put it to the seeds once it is mended.
set -euo pipefail

top=$(cd -P "$(dirname "$0")/../.." && pwd)
cd "$top"
seconds=${FUZZ_SECONDS:-60}
build=build-fuzz
export CC=clang
export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

flags="-fno-sanitize-recover=undefined"
if [ ! -f $build/build.ninja ]; then
    mkdir -p $build
    meson setup $build . -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args="-fsanitize=fuzzer-no-link $flags" >$build/setup.log 2>&1 || {
        cat $build/setup.log
        exit 1
    }
fi

# The rooms as one link line, from the top floor down, each with the archive that meson makes of it.
rooms=$(ninja -C $build -t targets all | sed -n 's|^\(host/libroom_[a-z]*\.a\):.*|\1|p')
# shellcheck disable=SC2086 # the list is words
ninja -C $build $rooms >$build/rooms.log 2>&1 || { tail -n 40 $build/rooms.log; exit 1; }
archives=$(for room in $rooms; do printf '%s/%s ' $build "$room"; done)
libraries=$(pkg-config --libs libuv libcurl inih sqlite3 jansson libsodium libffi openssl)

build_one() {
    local source=$1 target=$2
    # shellcheck disable=SC2046,SC2086 # flags are words
    clang -std=gnu11 -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined $flags \
        -Ihost -Isdk/include $(pkg-config --cflags libuv libsodium) "$source" -o "$target" \
        -Wl,--start-group $archives -Wl,--end-group $libraries -lpthread -ldl -lm
}

run_one() {
    local name=$1 target=$2 folder=$3
    local corpus=$build/corpus/$name found=$build/found/$name
    mkdir -p "$corpus" "$found"
    local seeds=()
    for one in "$folder/seeds" "$folder/corpus"; do [ -d "$one" ] && seeds+=("$one"); done
    local dictionary=()
    for one in "$folder"/*.dict; do [ -f "$one" ] && dictionary=(-dict="$one"); done
    if "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$found/" "${dictionary[@]}" "$corpus" "${seeds[@]}" \
        >"$build/$name.log" 2>&1; then
        printf 'ok %s - %s runs in %s s\n' "$name" \
            "$(sed -n 's/^stat::number_of_executed_units: //p' "$build/$name.log")" "$seconds"
    else
        printf 'not ok %s\n' "$name"
        grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse)' "$build/$name.log" | tail -n 40 | sed 's/^/    /'
    fi
}

failed=0
count=0
results=$build/results
: >$results
for source in tests/fuzz/*/fuzz_*.c; do
    [ -f "$source" ] || continue
    folder=$(dirname "$source")
    name=$(basename "$source" .c)
    name=${name#fuzz_}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    count=$((count + 1))
    if ! build_one "$source" "$build/fuzz_$name" >"$build/$name.build.log" 2>&1; then
        echo "not ok $name - does not build" | tee -a $results
        sed 's/^/    /' "$build/$name.build.log" | tail -n 30
        continue
    fi
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    run_one "$name" "$build/fuzz_$name" "$folder" | tee -a $results &
done
wait
failed=$(grep -c '^not ok' $results || true)
[ "$count" -gt 0 ] || { echo "fuzz: no target matches '$*'" >&2; exit 2; }
[ "$failed" = 0 ]
