#!/usr/bin/env bash
# Prints, one word per line, the command prefix for tests of a sanitizer build (asan or tsan) on this machine:
#
#   mapfile -t prefix < <(scripts/sanitizer_settings.sh tsan); "${prefix[@]}" ctest ...
#
# Two things differ between machines, so it tries them with an empty program: whether LeakSanitizer works (it needs
# ptrace, which some containers forbid), and whether ThreadSanitizer gets its address space (it starts itself again
# without random addresses where it needs to, which some containers forbid, too).
set -euo pipefail
preset=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
suppressions=$PWD/cmake/$preset.supp
readonly SYMBOLIZER=/usr/bin/llvm-symbolizer-19 # names functions and lines in clang's builds

try() { # sanitizer; words before the program
  local sanitizer=$1
  shift
  [[ -x $scratch/empty ]] || clang++-19 -x c++ -fsanitize="$sanitizer" -o "$scratch/empty" - <<< 'int main() {}'
  "$@" "$scratch/empty" > /dev/null 2>&1
}

words=(env)
case $preset in
  asan)
    leaks=1
    if ! try address env ASAN_OPTIONS=detect_leaks=1; then
      leaks=0
      echo "leak checks are off: this machine does not allow LeakSanitizer to trace" >&2
    fi
    words+=("ASAN_OPTIONS=detect_leaks=$leaks:detect_stack_use_after_return=1:strict_init_order=1"
      "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
    [[ ! -f $suppressions ]] || words+=("LSAN_OPTIONS=suppressions=$suppressions")
    [[ ! -x $SYMBOLIZER ]] || words+=("ASAN_SYMBOLIZER_PATH=$SYMBOLIZER")
    ;;
  tsan)
    options=halt_on_error=1:second_deadlock_stack=1
    [[ ! -f $suppressions ]] || options+=:suppressions=$suppressions
    [[ ! -x $SYMBOLIZER ]] || options+=:external_symbolizer_path=$SYMBOLIZER
    words+=("TSAN_OPTIONS=$options")
    if ! try thread env && try thread setarch -R; then words=(setarch -R "${words[@]}"); fi
    ;;
esac
printf '%s\n' "${words[@]}"
