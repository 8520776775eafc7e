# SPDX-License-Identifier: Apache-2.0
# GoogleTest: the installed one; for another machine, or another standard library than
# that of the system's packages, from its sources.

option(TORNADO_GTEST_FROM_SOURCE "Build GoogleTest from its sources"
  ${CMAKE_CROSSCOMPILING})
if(NOT TORNADO_GTEST_FROM_SOURCE)
  find_package(GTest REQUIRED)
  foreach(target gtest gtest_main gmock)
    if(TARGET GTest::${target})
      set_target_properties(GTest::${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    endif()
  endforeach()
  return()
endif()
set(TORNADO_GTEST_SOURCE /usr/src/googletest CACHE PATH
  "Sources of GoogleTest")
set(INSTALL_GTEST OFF CACHE BOOL "")
add_subdirectory("${TORNADO_GTEST_SOURCE}" "${PROJECT_BINARY_DIR}/googletest"
  EXCLUDE_FROM_ALL)
