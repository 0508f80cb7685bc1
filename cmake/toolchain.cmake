# Flags for every target. Presets (CMakePresets.json) choose the build type and TREADLE_SANITIZE.

# A canary (scripts/canaries.py) may leave a variable unused.
option(TREADLE_CANARIES "warnings are no errors" OFF)

add_library(treadle_flags INTERFACE)
target_compile_options(treadle_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # designated initializers leave out fields with defaults
  # g++ 12 warns about every std::optional that it inlines, and about string concatenation (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>
  # clang builds only for sanitizers and for fuzzing; g++ is the judge of warnings.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-everything>
  $<$<NOT:$<BOOL:${TREADLE_CANARIES}>>:-Werror> -fno-omit-frame-pointer)

# Without this, simdjson's types have one member more where a file is compiled without optimization.
add_compile_definitions(SIMDJSON_DEVELOPMENT_CHECKS=0)

# char is unsigned on arm64 and signed on x86-64. One of them everywhere, so that tests of one hold for the other.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm)")
  target_compile_options(treadle_flags INTERFACE -fsigned-char)
endif()

set(TREADLE_SANITIZE "" CACHE STRING "address,undefined or thread, clang's fuzzer-no-link perhaps; empty for none")
if(TREADLE_SANITIZE)
  target_compile_options(treadle_flags INTERFACE -fsanitize=${TREADLE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(treadle_flags INTERFACE -fsanitize=${TREADLE_SANITIZE})
  # In tests and other code that no fuzz target runs, libFuzzer need not count branches: a fifth of the compile time.
  if(TREADLE_SANITIZE MATCHES fuzzer)
    target_compile_options(treadle_flags INTERFACE
      $<$<BOOL:$<TARGET_PROPERTY:TREADLE_NOT_FUZZED>>:-fno-sanitize=fuzzer-no-link>)
  endif()
endif()

# g++ treats every file of a unity build as a header, whose classes must not have members of types without linkage.
if(CMAKE_UNITY_BUILD)
  target_compile_options(treadle_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

# Hardening: checked buffers and stacks, and tables that are read-only once the program has started. Debian's g++
# makes position-independent programs anyway. Sanitizers check more, and the checked functions need optimization.
option(TREADLE_COVERAGE "counts which lines run" OFF)
if(NOT TREADLE_SANITIZE AND NOT TREADLE_COVERAGE)
  target_compile_options(treadle_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

# Compiles in a third of the time and runs a little slower: for `./dev run` on a machine without a build.
option(TREADLE_QUICK "several files as one in every room" OFF)

# Which lines run (./dev coverage). Counted in every room, because any of them may provide an inline function.
if(TREADLE_COVERAGE)
  add_compile_options(--coverage -fprofile-update=prefer-atomic)
  add_link_options(--coverage)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # It does not keep what was compiled with precompiled headers, unless it may overlook two rare cases.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
