# SPDX-License-Identifier: Apache-2.0
# macOS on arm64, by zig (0.11 or later), which brings the headers of that system along.
# What is made is linked and not run: see tools/check macos.

set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(CMAKE_C_COMPILER zig cc -target aarch64-macos)
set(CMAKE_CXX_COMPILER zig c++ -target aarch64-macos)
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
set(CMAKE_OSX_SYSROOT "")
set(CMAKE_OSX_DEPLOYMENT_TARGET "")
set(CMAKE_OSX_ARCHITECTURES "")
