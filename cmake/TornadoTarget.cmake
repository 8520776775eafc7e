# SPDX-License-Identifier: Apache-2.0
# What every target of this project is compiled with.

find_package(Threads REQUIRED)

function(tornado_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  if(NOT MSVC)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  endif()
  if(TORNADO_WERROR)
    set_target_properties(${target} PROPERTIES COMPILE_WARNING_AS_ERROR ON)
    if(CMAKE_VERSION VERSION_LESS 3.24 AND NOT MSVC)
      target_compile_options(${target} PRIVATE -Werror)
    endif()
  endif()
  if(TORNADO_SANITIZE)
    string(REPLACE ";" "," sanitizers "${TORNADO_SANITIZE}")
    # The check of vptr opens a pipe for each type, and reports nonsense where a test
    # has left no descriptor for it.
    target_compile_options(${target} PRIVATE
      -fsanitize=${sanitizers} -fno-sanitize=vptr -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${sanitizers})
  endif()
endfunction()
