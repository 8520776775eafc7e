# SPDX-License-Identifier: Apache-2.0
# Sets TORNADO_HAS_LIBURING, and then makes the target PkgConfig::LIBURING. That it links
# is tried, since pkg-config may know only that of another architecture.

include(CheckCXXSourceCompiles)

unset(LIBURING_FOUND CACHE)  # of an earlier configuration
if(TORNADO_IO_URING AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(LIBURING QUIET IMPORTED_TARGET GLOBAL liburing>=2.3)
  endif()
endif()
if(LIBURING_FOUND)
  set(CMAKE_REQUIRED_QUIET TRUE)
  set(CMAKE_REQUIRED_LIBRARIES PkgConfig::LIBURING)
  check_cxx_source_compiles([[
    #include <liburing.h>
    int main() {
      io_uring ring;
      return ::io_uring_queue_init(1, &ring, 0);
    }
  ]] TORNADO_HAS_LIBURING)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
else()
  unset(TORNADO_HAS_LIBURING CACHE)
endif()

function(tornado_use_liburing target)
  if(TORNADO_HAS_LIBURING)
    target_compile_definitions(${target} PRIVATE TORNADO_HAS_LIBURING)
    target_link_libraries(${target} PRIVATE PkgConfig::LIBURING)
  endif()
endfunction()
