# The functions with which the tree describes itself to CMake. tests/tree reads the same calls and rejects violations.
#
#   treadle_room(engine SEES model base LINKS OpenSSL::Crypto)
#       A room: a folder of src/ as a static library, the rooms that it may include, and the outside libraries it uses.
#       Every x.cc belongs to the library, every x_test.cc to the test program of the room.
#       Names in anonymous namespaces must be unique within each, because sanitizer builds compile several files as one.
#       FOLDERS names folders within the room whose sources belong to it as well.
#   treadle_room(app PROGRAM treadle SEES cli ...)
#       The same; its main.cc becomes a program at build/<preset>/treadle.
#   treadle_test(name sources... LINKS libraries... [LABEL unit] [TIMEOUT 300])
#       A GoogleTest program. ctest lists its tests one by one.
#   treadle_script_test(name COMMAND words... [LABEL e2e] [TIMEOUT 300] [SERIAL])
#       One ctest test that runs a command; the binary's path is in $TREADLE, the preset's directory in $TREADLE_BUILD,
#       the sanitizers of the build in $TREADLE_SANITIZED.
#
# LABEL is one of unit, model, conformance, simulation, e2e (also run in sanitizer builds), or crash, ends, cost,
# package (not run there).

# Everything that a test run needs, and nothing else: sanitizer builds build only this.
add_custom_target(treadle_tests)

# The rooms whose work test `cost` counts. A release build compiles them file by file, as shipped, even if
# TREADLE_UNITY asks for several files at once, because g++ inlines differently within one unit.
set(TREADLE_COUNTED base json model contract engine journal store shard node http api)

# Rooms whose own tests have one thread: ThreadSanitizer has nothing to find there, and does not build them.
set(TREADLE_ONE_THREAD json config model contract engine store app)

# Rooms that a client runs for moments. Under sanitizers they are compiled without optimization, in half the time.
set(TREADLE_CLIENTS client worker cli app console loadgen demo tools)

function(treadle_room name)
  cmake_parse_arguments(ARG "" "PROGRAM" "FOLDERS;SEES;LINKS" ${ARGN})
  list(TRANSFORM ARG_FOLDERS APPEND /*.cc)
  file(GLOB sources CONFIGURE_DEPENDS *.cc ${ARG_FOLDERS})
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(TRANSFORM ARG_SEES PREPEND treadle_ OUTPUT_VARIABLE sees)
  treadle_portable_links(ARG_LINKS)

  if(sources)
    add_library(treadle_${name} STATIC ${sources})
    target_include_directories(treadle_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(treadle_${name} PUBLIC ${sees} PRIVATE treadle_flags ${ARG_LINKS})
    if(NOT TREADLE_SANITIZE AND NOT TREADLE_QUICK AND name IN_LIST TREADLE_COUNTED)
      set_target_properties(treadle_${name} PROPERTIES UNITY_BUILD OFF)
      treadle_precompiled(treadle_${name})
    endif()
    if(TREADLE_SANITIZE AND name IN_LIST TREADLE_CLIENTS)
      target_compile_options(treadle_${name} PRIVATE -O0)
    endif()
  else()  # a room of headers, or one whose only source is main.cc
    add_library(treadle_${name} INTERFACE)
    target_include_directories(treadle_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(treadle_${name} INTERFACE ${sees})
  endif()
  if(ARG_PROGRAM)
    add_executable(${ARG_PROGRAM} main.cc)
    set_target_properties(treadle_${name} ${ARG_PROGRAM} PROPERTIES TREADLE_NOT_FUZZED ON)
    target_link_libraries(${ARG_PROGRAM} PRIVATE treadle_flags treadle_${name} ${ARG_LINKS})
    set_target_properties(${ARG_PROGRAM} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
    add_dependencies(treadle_tests ${ARG_PROGRAM})
  endif()
  if(tests AND NOT (TREADLE_SANITIZE STREQUAL thread AND name IN_LIST TREADLE_ONE_THREAD))
    treadle_test(treadle_${name}_test ${tests} LINKS treadle_${name} ${ARG_LINKS})
  endif()
endfunction()

# In CI's cold build, compiles the standard headers of the counted rooms once, which does not change their code. A
# developer's build finds headers that a file forgot to include.
function(treadle_precompiled target)
  if(NOT CMAKE_UNITY_BUILD)
    return()
  endif()
  if(NOT TARGET treadle_headers)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/headers.cc CONTENT "")
    add_library(treadle_headers OBJECT ${PROJECT_BINARY_DIR}/headers.cc)
    target_link_libraries(treadle_headers PRIVATE treadle_flags)
    target_compile_options(treadle_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)  # for ccache
    # g++ 12 takes what comes out of such a file for code of ours, not of a system header, and sees errors in the standard
    # library that are not there. The build of a developer judges these warnings.
    target_compile_options(treadle_flags INTERFACE
      $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread>)
    target_precompile_headers(treadle_headers PRIVATE
      <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <deque> <functional> <limits> <map> <memory> <optional>
      <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM treadle_headers)
endfunction()

function(treadle_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LINKS" ${ARGN})
  treadle_test_defaults(unit)
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})  # for sim/ and tests/
  target_link_libraries(${name} PRIVATE treadle_flags ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  if(ARG_LABEL MATCHES "^(unit|conformance)$")
    target_compile_options(${name} PRIVATE -O0)  # halves the build time; the code under test is still optimized
  endif()
  set_target_properties(${name} PROPERTIES TREADLE_NOT_FUZZED ON)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${ARG_LABEL})
  add_dependencies(treadle_tests ${name})
endfunction()

function(treadle_script_test name)
  cmake_parse_arguments(ARG "SERIAL" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  treadle_test_defaults(e2e)
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set(environment PYTHONDONTWRITEBYTECODE=1
    TREADLE=${PROJECT_BINARY_DIR}/treadle TREADLE_BUILD=${PROJECT_BINARY_DIR} TREADLE_SANITIZED=${TREADLE_SANITIZE})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${ARG_LABEL}
    ENVIRONMENT "${environment}" RUN_SERIAL ${ARG_SERIAL}
    COST ${ARG_TIMEOUT})  # slow tests start first
endfunction()

# Fills in what a caller left out, and rejects a label that no test run would use.
macro(treadle_test_defaults label)
  if(NOT ARG_LABEL)
    set(ARG_LABEL ${label})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(NOT ARG_LABEL MATCHES "^(unit|model|conformance|simulation|e2e|crash|ends|cost|package)$")
    message(FATAL_ERROR "${name}: LABEL ${ARG_LABEL} is not one of those in cmake/rooms.cmake")
  endif()
endmacro()
