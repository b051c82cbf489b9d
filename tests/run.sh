#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, runs every test. The last line is "N passed, N failed"; the exit
# status follows it.
#   tests/run.sh              everything: about 25 minutes on two cores
#   tests/run.sh --quick      one build, unit, house and end-to-end tests
#   tests/run.sh --only PART  one part (repeatable); --list names them
#   tests/run.sh --no-deps    look for nothing to install
# FUZZ_SECONDS (60) is how long each fuzz target runs; JOBS (2) how much runs at once. Logs stay in
# build*/.
set -uo pipefail

top=$(cd -P "$(dirname "$0")/.." && pwd)
cd "$top" || exit 2
umask 022

parts="build clang unit house e2e outside asan tsan valgrind fuzz"
quick="build unit house e2e"
jobs=${JOBS:-2}
chosen=""
deps=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) chosen=$quick ;;
    --only)
        if [[ " $parts " != *" ${2:-} "* ]]; then
            echo "--only ${2:-}: expected one of: $parts" >&2
            exit 2
        fi
        chosen="$chosen $2"
        shift
        ;;
    --list) echo "$parts" && exit 0 ;;
    --no-deps) deps=no ;;
    *)
        sed -n '3,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
chosen=${chosen:-$parts}

passed=0
failed=0
skipped=0
started=$SECONDS

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

# One thing that is a test by itself: it works, or it does not.
note_result() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
    fi
}

# What needs a machine's time can lose to one that stands still: up to three that fail are tried
# once more, alone, and named. A second failure is one.
SECOND_TRIES_MAX=3

# tally NAME FILE [COMMAND...]: adds what a runner wrote down; COMMAND runs what failed again. A
# runner that wrote nothing has failed.
tally() {
    local name=$1 file=$2 counts
    shift 2
    if [ ! -s "$file" ] || ! counts=$(tests/tally.py "$file"); then
        note_result "$name: no results" 1
        return
    fi
    read -r p f s <<<"$counts"
    if [ "$f" -gt 0 ] && [ "$f" -le $SECOND_TRIES_MAX ] && [ $# -gt 0 ] && "$@"; then
        echo "again   $name: $f passed at the second try"
        p=$((p + f)) f=0
    fi
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
    printf '%-7s %s: %d passed, %d failed, %d skipped\n' \
        "$([ "$f" = 0 ] && echo ok || echo FAILED)" "$name" "$p" "$f" "$s"
}

# setup_build DIR OPTION...: configures once, builds always; warnings are errors.
setup_build() {
    local dir=$1 status
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" . --werror "$@" >"$dir.setup.log" 2>&1
        status=$?
        [ $status = 0 ] || cat "$dir.setup.log"
        rm -f "$dir.setup.log"
        [ $status = 0 ] || return 1
    fi
    ninja -C "$dir" -j "$jobs" >"$dir/build.log" 2>&1 && return
    grep -B2 -A12 -E 'error:|FAILED|undefined' "$dir/build.log" | head -n 80
    return 1
}

# meson_run DIR LOG [ARGUMENT...]
meson_run() {
    local dir=$1 log=$2
    shift 2
    # shellcheck disable=SC2086 # a command in front, as words
    CMOCKA_MESSAGE_OUTPUT=TAP ${runner:-} meson test -C "$dir" --no-rebuild \
        --num-processes "$jobs" "$@" >"$log" 2>&1
}

# meson_again DIR LOG [ARGUMENT...]: those of the last run that failed. LOG is a testlog.json.
meson_again() {
    local dir=$1 log=$2 names
    shift 2
    names=$(python3 -c '
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    test = json.loads(line)
    if test["result"] not in ("OK", "EXPECTEDFAIL", "SKIP", "IGNORED"):
        print(test["name"].split(":")[-1].split(" / ")[-1])' "$log")
    # shellcheck disable=SC2086 # names are words
    meson_run "$dir" "$dir/again.log" "$@" $names
}

# meson_tests NAME DIR [OPTION...] [-- TEST...]: cmocka programs, counted case by case.
meson_tests() {
    local name=$1 dir=$2 options=() log
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    rm -f "$dir"/meson-logs/testlog*.json "$dir/testlog.json"
    meson_run "$dir" "$dir/test.log" "${options[@]}" "$@"
    log=$(ls -t "$dir"/meson-logs/testlog*.json 2>/dev/null | head -n 1)
    [ -z "$log" ] || cp "$log" "$dir/testlog.json"
    tally "$name" "$dir/testlog.json" meson_again "$dir" "$dir/testlog.json" "${options[@]}"
}

# tests_but DIR PATTERN: the names of meson's unit tests that do not match, as words.
tests_but() {
    meson introspect --tests "$1" | python3 -c '
import json, re, sys
tests = [test for test in json.load(sys.stdin) if any("unit" in suite for suite in test["suite"])]
print(" ".join(test["name"] for test in tests if not re.search(sys.argv[1], test["name"])))' "$2"
}

# pytest_run NAME TEST...; as a module: the same Python that Debian's pytest was installed for.
pytest_run() {
    local name=$1
    shift
    rm -f "build/$name.xml"
    /usr/bin/python3 -B -m pytest -q -p no:cacheprovider -o junit_logging=no \
        --junitxml="build/$name.xml" "$@" >"build/$name.log" 2>&1
}

pytest_again() {
    local name=$1 tests
    mapfile -t tests < <(sed -nE 's/^(FAILED|ERROR) (.*)/\2/p' "build/$name.log" |
        sed 's/ - .*//' | sort -u)
    [ ${#tests[@]} -gt 0 ] && pytest_run "$name-again" "${tests[@]}"
}

pytest_tests() {
    local name=$1
    pytest_run "$@" || grep -vE '^\.+' "build/$name.log" | tail -n 120
    tally "$name" "build/$name.xml" pytest_again "$name"
}

# Newer kernels shuffle addresses further than gcc 12's thread sanitizer knows of: what to run it
# with, where allowed.
no_shuffle() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then echo "setarch $(uname -m) -R"; fi
}

# What most parts stand on; made once.
is_built=no
part_build() {
    is_built=yes
    setup_build build
    note_result "build: gcc, warnings are errors" $?
}

part_clang() {
    CC=clang setup_build build-clang
    note_result "build: clang, warnings are errors" $?
}

part_unit() { meson_tests unit build; }

part_house() { pytest_tests house tests/house; }

# End-to-end tests mostly wait: one file more at a time than there are cores. What fails is tried
# again alone.
e2e_tests() {
    local name=$1
    pytest_tests "$name" -n $(($(nproc) + 1)) --dist loadfile tests/e2e
}

part_e2e() { e2e_tests e2e; }

# The examples against the installed header, with every compiler there is; nothing of the tree is in
# reach.
part_outside() {
    local prefix
    rm -rf build/installed
    prefix=$(tests/install.sh build-release build/installed | tail -n 1)
    note_result "install: release build, into a folder of its own" $?
    TENON_INCLUDE=$prefix/include pytest_tests outside tests/plugins
}

# The rooms under the address and undefined sanitizers, then daemon, worker and client.
part_asan() {
    setup_build build-asan -Db_sanitize=address,undefined -Db_lundef=false
    local status=$?
    note_result "build: address and undefined sanitizers" $status
    [ $status = 0 ] || return
    ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        meson_tests "unit under address and undefined sanitizers" build-asan --timeout-multiplier 4
    ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        TENON_BUILD=build-asan TENON_PATIENCE=4 e2e_tests e2e-asan
}

# Plugins that crash die of the sanitizer's own handler there, so what names the signal is left out.
part_tsan() {
    setup_build build-tsan -Db_sanitize=thread -Db_lundef=false
    local status=$?
    note_result "build: thread sanitizer" $status
    [ $status = 0 ] || return
    runner=$(no_shuffle) \
        TSAN_OPTIONS="halt_on_error=0 exitcode=66 suppressions=$top/tests/tsan.supp" \
        meson_tests "unit under the thread sanitizer" build-tsan --timeout-multiplier 6 -- \
        $(tests_but build-tsan '^plugin_(hostile|guilt|action)$')
}

# What makes confined processes is left out: valgrind does not live inside such limits.
part_valgrind() {
    local valgrind="valgrind -q --error-exitcode=99 --leak-check=full
        --errors-for-leak-kinds=definite --suppressions=$top/tests/valgrind.supp"
    meson_tests "unit under valgrind" build --suite unit --timeout-multiplier 20 \
        --wrap "${valgrind//$'\n'/ }" -- \
        $(tests_but build '^plugin_(worker|hostile|guilt|action|own_actions|ask)$')
}

part_fuzz() {
    tests/fuzz/run.sh | tee build/fuzz.log
    passed=$((passed + $(grep -c '^ok' build/fuzz.log)))
    failed=$((failed + $(grep -c '^not ok' build/fuzz.log)))
    [ -s build/fuzz.log ] || note_result "fuzz: no results" 1
}

if [ $deps = yes ]; then
    tests/deps.sh test || exit 1
fi
for part in $parts; do
    if [[ " $chosen " == *" $part "* ]]; then
        say "$part"
        [[ "clang asan tsan" == *"$part"* ]] || [ $is_built = yes ] || part_build
        [ "$part" = build ] || "part_$part"
    fi
done

echo
[ $skipped = 0 ] || echo "$skipped skipped, each with its reason above"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
