# SPDX-License-Identifier: Apache-2.0
# What every target of this project is compiled with.

find_package(Threads REQUIRED)

function(tornado_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  if(WIN32)  # Windows 10, and without the macros min and max
    target_compile_definitions(${target} PRIVATE
      _WIN32_WINNT=0x0A00 UNICODE NOMINMAX WIN32_LEAN_AND_MEAN)
  endif()
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  # At -O3, g++ 12 warns of what cannot be in its own std::string (its bug 105651) and
  # std::optional. At -O2 it does not, and is listened to.
  # In a unity build it takes each source for a header, and warns of its anonymous
  # namespaces.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE
      "$<$<CONFIG:Release>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-subobject-linkage>")
  endif()
  if(TORNADO_WERROR)
    set_target_properties(${target} PROPERTIES COMPILE_WARNING_AS_ERROR ON)
    if(CMAKE_VERSION VERSION_LESS 3.24)
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

# The sources below `folder` that run in a child which shares its parent's memory: no
# sanitizer and no guard may add a write to them, and clang no call of std::terminate.
# Holds in the directory of the caller.
function(tornado_bare_sources folder)
  set_source_files_properties("${folder}/process/child_linux.cpp"
    "${folder}/process/close_others_linux.cpp"
    PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-fno-stack-protector;-fno-exceptions"
      SKIP_PRECOMPILE_HEADERS ON)
endfunction()
