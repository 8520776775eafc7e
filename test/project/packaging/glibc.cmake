# SPDX-License-Identifier: Apache-2.0
# cmake -DOBJDUMP=... -DLIBRARY=libtornado.so -P glibc.cmake
# What is called has to be in glibc 2.31, that of Debian 11.
cmake_minimum_required(VERSION 3.22)
# They were there before, and got a new version when they moved into libc.so or, as
# stat, ceased to be inline. The variable is what libstdc++'s own headers ask for.
set(moved
  __libc_single_threaded pthread_cond_clockwait pthread_create pthread_detach
  pthread_join pthread_once pthread_sigmask pthread_sigqueue sem_destroy sem_init sem_post
  sem_timedwait sem_wait fstat lstat stat)
execute_process(COMMAND "${OBJDUMP}" -T "${LIBRARY}"
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "GLIBC_2\\.[0-9.]+\\)? +[^ \n]+" needs "${output}")
if(NOT needs)
  message(STATUS "skipped: another C library than glibc")
  return()
endif()
foreach(need IN LISTS needs)
  string(REGEX MATCH "GLIBC_([0-9.]+)\\)? +(.+)" all "${need}")
  set(version "${CMAKE_MATCH_1}")
  set(symbol "${CMAKE_MATCH_2}")
  if(version VERSION_GREATER 2.31 AND NOT symbol IN_LIST moved)
    message(SEND_ERROR "${symbol} needs glibc ${version}")
  endif()
endforeach()
