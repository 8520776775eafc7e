# SPDX-License-Identifier: Apache-2.0
# Linux with musl and libc++, by zig (0.11 or later); linked statically, so that the
# programs run where there is no musl.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER zig cc -target x86_64-linux-musl)
set(CMAKE_CXX_COMPILER zig c++ -target x86_64-linux-musl)
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
