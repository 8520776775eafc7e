# SPDX-License-Identifier: Apache-2.0
# What every target needs that compiles the sources of the library: the library itself, and
# its copies for the tests.

include(CheckCXXSourceCompiles)
include(CheckCXXSymbolExists)
include(TornadoKqueue)
include(TornadoLiburing)

if(UNIX)
  check_cxx_symbol_exists(pthread_sigqueue "pthread.h;signal.h" TORNADO_HAS_SIGQUEUE)
  check_cxx_symbol_exists(backtrace "execinfo.h" TORNADO_HAS_EXECINFO)
endif()

# The public headers need std::stop_token, which libc++ 18 and 19 have behind an option.
function(tornado_try_stop_token option result)
  set(CMAKE_REQUIRED_QUIET TRUE)
  set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX20_STANDARD_COMPILE_OPTION} ${option}")
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  check_cxx_source_compiles("#include <stop_token>\nstd::stop_source source;" ${result})
endfunction()
set(TORNADO_STOP_TOKEN_OPTION "" CACHE INTERNAL "What std::stop_token needs")
tornado_try_stop_token("" TORNADO_HAS_STOP_TOKEN)
if(NOT TORNADO_HAS_STOP_TOKEN)
  set_property(CACHE TORNADO_STOP_TOKEN_OPTION PROPERTY VALUE -fexperimental-library)
  tornado_try_stop_token(-fexperimental-library TORNADO_HAS_HIDDEN_STOP_TOKEN)
  if(NOT TORNADO_HAS_HIDDEN_STOP_TOKEN)
    message(FATAL_ERROR "tornado needs std::stop_token, and this standard library has \
none; use libstdc++, or libc++ 18 or later")
  endif()
endif()

function(tornado_library target)
  tornado_target(${target})
  target_compile_options(${target} PUBLIC ${TORNADO_STOP_TOKEN_OPTION})
  tornado_use_kqueue(${target})
  tornado_use_liburing(${target})
  foreach(call SIGQUEUE EXECINFO)
    if(TORNADO_HAS_${call})
      target_compile_definitions(${target} PRIVATE TORNADO_HAS_${call})
    endif()
  endforeach()
endfunction()
