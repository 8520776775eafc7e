# SPDX-License-Identifier: Apache-2.0
# cmake -DWAY=... -P check.cmake: builds main.cpp in that way and runs it.

cmake_minimum_required(VERSION 3.22)
set(here "${CMAKE_CURRENT_LIST_DIR}")
if(BUILT_LIBRARY)
  set(library_build "${BUILT_LIBRARY}")
else()
  set(library_build "${WORK}/library")
endif()
set(prefix "${WORK}/prefix")
set(folder "${WORK}/${WAY}")
if(KIND STREQUAL "shared")
  set(shared ON)
else()
  set(shared OFF)
endif()

function(run)
  list(JOIN ARGN " " shown)
  message(STATUS "${shown}")
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(fail)
  message(FATAL_ERROR "${WAY} ${KIND}: " ${ARGN})
endfunction()

# A fresh cache each time, since the options of the last run may have been others. The
# sources are compiled together, as a host may want it, which takes a tenth of the time.
function(configure source build)
  file(REMOVE "${build}/CMakeCache.txt")
  run("${CMAKE_COMMAND}" -S "${source}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${FLAGS}"
    -DCMAKE_BUILD_TYPE=None "-DBUILD_SHARED_LIBS=${shared}"
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${ARGN})
endfunction()

function(build folder)
  run("${CMAKE_COMMAND}" --build "${folder}" --parallel 2)
endfunction()

function(install_into prefix)
  file(REMOVE_RECURSE "${prefix}")
  run("${CMAKE_COMMAND}" --install "${library_build}" --prefix "${prefix}")
endfunction()

# What a component needs, the core does not.
function(expect_a_core_alone library)
  set(dynamic "")
  if(shared)
    set(dynamic --dynamic)
  endif()
  execute_process(COMMAND "${NM}" ${dynamic} --undefined-only "${library}"
    OUTPUT_VARIABLE wanted ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  if(wanted MATCHES " ((SSL|X509|BIO|ERR|EVP|ares)_[a-zA-Z_0-9]+)")
    fail("the core calls ${CMAKE_MATCH_1}")
  endif()
endfunction()

function(expect_complete prefix)
  file(GLOB libraries RELATIVE "${prefix}/${LIBDIR}"
    "${prefix}/${LIBDIR}/libtornado.a" "${prefix}/${LIBDIR}/libtornado.so")
  if(shared AND NOT libraries STREQUAL "libtornado.so" OR
     NOT shared AND NOT libraries STREQUAL "libtornado.a")
    fail("installed ${libraries}")
  endif()
  expect_a_core_alone("${prefix}/${LIBDIR}/${libraries}")
  file(GLOB ours RELATIVE "${SOURCE}/include" "${SOURCE}/include/tornado/*.h")
  file(GLOB headers RELATIVE "${prefix}/include" "${prefix}/include/tornado/*.h")
  if(NOT headers STREQUAL ours)
    fail("installed headers: ${headers}")
  endif()
  if(NOT EXISTS "${prefix}/share/doc/tornado/LICENSE")
    fail("no licence")
  endif()
endfunction()

# Compiled with what pkg-config says of `package`, and nothing else.
function(use_pkg_config prefix package source)
  find_program(PKG_CONFIG NAMES pkg-config pkgconf REQUIRED)
  set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
  set(mode "")
  if(NOT shared)
    set(mode --static)
  endif()
  execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs ${mode} "${package} >= 0.1"
    OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags} ${FLAGS}")
  file(MAKE_DIRECTORY "${folder}")
  # Not where a build in this folder has its own, which it would take for up to date.
  set(consumer "${folder}/${package}_by_flags")
  run("${CXX}" -std=c++20 "${here}/${source}" -o "${consumer}" ${flags})
  run("${CMAKE_COMMAND}" -E env "LD_LIBRARY_PATH=${prefix}/${LIBDIR}" "${consumer}")
endfunction()

function(use_find_package prefix project)
  configure("${here}/${project}" "${folder}" "-DCMAKE_PREFIX_PATH=${prefix}" ${ARGN})
  build("${folder}")
  run("${folder}/consumer")
endfunction()

function(expect_refusal_of version prefix)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${here}/refused"
      -B "${folder}-${version}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
      "-DCMAKE_PREFIX_PATH=${prefix}" "-DWANTED=${version}"
    RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE error)
  if(result EQUAL 0 OR NOT error MATCHES "tornadoConfig.cmake, version: 0.1")
    fail("asked for ${version}: ${result} ${error}")
  endif()
endfunction()

function(expect_ours file)
  if(file MATCHES "/Unity/unity_[0-9]+_cxx.cxx$")
    file(STRINGS "${file}" lines REGEX "^#include")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^#include \"(.*)\"$" "\\1" included "${line}")
      expect_ours("${included}")
    endforeach()
  elseif(NOT file MATCHES "/packaging/main.cpp$|/src/(platform|poller|loop|process|coroutine|net|stream|tls|dns)/")
    fail("compiles ${file}")
  endif()
endfunction()

# A host project gets our library's files and no others, and none of our install rules.
function(expect_a_quiet_guest)
  file(READ "${folder}/compile_commands.json" commands)
  string(JSON count LENGTH "${commands}")
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON file GET "${commands}" ${i} file)
    expect_ours("${file}")
  endforeach()
  file(REMOVE_RECURSE "${folder}/installed")
  run("${CMAKE_COMMAND}" --install "${folder}" --prefix "${folder}/installed")
  file(GLOB_RECURSE installed "${folder}/installed/*")
  if(installed)
    fail("installs ${installed}")
  endif()
endfunction()

function(use_source project)
  configure("${here}/${project}" "${folder}" ${ARGN})
  build("${folder}")
  run("${folder}/consumer")
  expect_a_quiet_guest()
endfunction()

# A repository whose branch `main` is what is checked out here, by whatever name, and
# were it in a clone with no history. Whoever owns that may not be who runs the tests.
function(publish repository variable)
  file(WRITE "${WORK}/gitconfig" "[safe]\n  directory = *\n")
  set(ENV{GIT_CONFIG_GLOBAL} "${WORK}/gitconfig")
  run(git init --quiet --bare "${repository}")
  run(git -C "${repository}" fetch --quiet --force --update-shallow "${SOURCE}"
    HEAD:refs/heads/main)
  execute_process(COMMAND git -C "${repository}" rev-parse main
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "${commit}" PARENT_SCOPE)
endfunction()

if(WAY STREQUAL "install")
  if(NOT BUILT_LIBRARY)
    configure("${SOURCE}" "${library_build}" -DTORNADO_BUILD_TESTS=OFF
      -DTORNADO_BUILD_TOOLS=OFF -DTORNADO_BUILD_EXAMPLES=OFF)
    build("${library_build}")
  endif()
  install_into("${prefix}")
  expect_complete("${prefix}")
elseif(WAY STREQUAL "find_package")
  use_find_package("${prefix}" find_package)
  expect_refusal_of(0.2 "${prefix}")
  expect_refusal_of(1.0 "${prefix}")
elseif(WAY STREQUAL "pkg_config")
  use_pkg_config("${prefix}" tornado main.cpp)
elseif(WAY MATCHES "^component_(.*)$")
  set(component ${CMAKE_MATCH_1})
  use_find_package("${prefix}" find_component "-DCOMPONENT=${component}")
  use_pkg_config("${prefix}" tornado-${component} main_${component}.cpp)
elseif(WAY STREQUAL "moved_prefix")
  install_into("${WORK}/before")
  file(REMOVE_RECURSE "${WORK}/after")
  file(RENAME "${WORK}/before" "${WORK}/after")
  use_find_package("${WORK}/after" find_package)
  use_pkg_config("${WORK}/after" tornado main.cpp)
elseif(WAY STREQUAL "add_subdirectory")
  use_source(add_subdirectory "-DTORNADO_SOURCE=${SOURCE}")
elseif(WAY STREQUAL "fetch_content")
  set(repository "${WORK}/tornado.git")
  publish("${repository}" commit)
  use_source(fetch_content
    "-DTORNADO_REPOSITORY=file://${repository}" "-DTORNADO_COMMIT=${commit}")
else()
  message(FATAL_ERROR "no such way: ${WAY}")
endif()
