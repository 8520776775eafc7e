# SPDX-License-Identifier: Apache-2.0
# cmake -DNM=... -DOBJECTS=a.o,b.o -P child_symbols.cmake
# The child half of a spawn runs in its parent's memory: it may need nothing but system
# calls, and what compilers call for plain assignments.
cmake_minimum_required(VERSION 3.22)
set(allowed
  syscall __errno_location memset memcpy _GLOBAL_OFFSET_TABLE_
  _ZN7tornado12close_othersENS_4SpanIiEE)
string(REPLACE "," ";" objects "${OBJECTS}")
list(LENGTH objects count)
if(NOT count EQUAL 2)
  message(FATAL_ERROR "expected two objects, got: ${OBJECTS}")
endif()
execute_process(COMMAND "${NM}" --undefined-only --format=posix ${objects}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+ U" lines "${output}")
if(NOT lines)
  message(FATAL_ERROR "no symbols in: ${output}")
endif()
foreach(line IN LISTS lines)
  string(REGEX REPLACE " U$" "" symbol "${line}")
  if(NOT symbol IN_LIST allowed)
    message(SEND_ERROR "the child half of spawn needs ${symbol}")
  endif()
endforeach()
