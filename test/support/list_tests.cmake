# SPDX-License-Identifier: Apache-2.0
# cmake -D PROGRAM=... -D EMULATOR=... -D FOLDER=... -D PROPERTIES=... -D LIST=... -P this
# writes LIST, which tells ctest the tests of a program. A TEST is one of them, with all its
# parameters: a process for each takes longer to start than to test.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND ${EMULATOR} "${PROGRAM}" --gtest_list_tests
  OUTPUT_VARIABLE output TIMEOUT 60 COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE " +#[^\n]*" "" output "${output}")  # the values of parameters
string(REGEX MATCHALL "[^\r\n]+" lines "${output}")
set(commands "")
set(tests "")
foreach(line IN LISTS lines)
  if(line MATCHES "^([A-Za-z0-9_/]+)[.]$")
    set(suite "${CMAKE_MATCH_1}")
  elseif(line MATCHES "^  ([A-Za-z0-9_]+)(/?)")
    set(test "${suite}.${CMAKE_MATCH_1}")
    string(REPLACE "/" "/*" all "${CMAKE_MATCH_2}")
    if(NOT test IN_LIST tests)
      list(APPEND tests "${test}")
      string(APPEND commands
        "add_test(${test} ${EMULATOR} [[${PROGRAM}]] --gtest_filter=${test}${all})\n")
    endif()
  endif()
endforeach()
# ctest prefers this to a failure. Nothing follows the names, so nothing passed or failed.
set(all_skipped "\\[  PASSED  \\] 0 tests[.][^[]+(\\[  SKIPPED \\][^\n]+\n)+$")
string(REPLACE ";" " " tests "${tests}")
string(REPLACE ";" " " properties "${PROPERTIES}")
file(WRITE "${LIST}" "${commands}set_tests_properties(${tests} PROPERTIES ${properties}
  WORKING_DIRECTORY [[${FOLDER}]] TIMEOUT 600 SKIP_REGULAR_EXPRESSION [=[${all_skipped}]=])\n")
