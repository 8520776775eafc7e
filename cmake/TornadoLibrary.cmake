# SPDX-License-Identifier: Apache-2.0
# What every target needs that compiles the sources of the library: the library itself, and
# its copies for the tests.

include(CheckCXXSymbolExists)
include(TornadoKqueue)
include(TornadoLiburing)

if(UNIX)
  check_cxx_symbol_exists(pthread_sigqueue "pthread.h;signal.h" TORNADO_HAS_SIGQUEUE)
  check_cxx_symbol_exists(backtrace "execinfo.h" TORNADO_HAS_EXECINFO)
endif()

function(tornado_library target)
  tornado_target(${target})
  tornado_use_kqueue(${target})
  tornado_use_liburing(${target})
  foreach(call SIGQUEUE EXECINFO)
    if(TORNADO_HAS_${call})
      target_compile_definitions(${target} PRIVATE TORNADO_HAS_${call})
    endif()
  endforeach()
endfunction()
