# SPDX-License-Identifier: Apache-2.0
# GoogleTest: the installed one; when the build is for another machine, from its sources.

if(NOT CMAKE_CROSSCOMPILING)
  find_package(GTest REQUIRED)
  foreach(target gtest gtest_main gmock)
    if(TARGET GTest::${target})
      set_target_properties(GTest::${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    endif()
  endforeach()
  return()
endif()
set(TORNADO_GTEST_SOURCE /usr/src/googletest CACHE PATH
  "Sources of GoogleTest, for cross builds")
set(INSTALL_GTEST OFF CACHE BOOL "")
add_subdirectory("${TORNADO_GTEST_SOURCE}" "${PROJECT_BINARY_DIR}/googletest"
  EXCLUDE_FROM_ALL)
