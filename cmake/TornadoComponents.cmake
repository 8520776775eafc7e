# SPDX-License-Identifier: Apache-2.0
# Sets TORNADO_HAS_OPENSSL by TORNADO_TLS, and TORNADO_HAS_CARES by TORNADO_DNS. That a
# library links is tried, since another architecture's may have been found.

include(CheckCXXSourceCompiles)

# Decides about a component whose `option` is not OFF: by whether `program` links with
# `target`, which exists if the library was found.
function(tornado_try_component option result target needs program)
  if(NOT ${option} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${option} is AUTO, ON or OFF, not \"${${option}}\"")
  endif()
  if(${option} AND TARGET ${target})
    set(CMAKE_REQUIRED_QUIET TRUE)
    set(CMAKE_REQUIRED_LIBRARIES ${target})
    check_cxx_source_compiles("${program}" ${result})
  else()
    unset(${result} CACHE)
  endif()
  if(${option} STREQUAL "ON" AND NOT ${result})
    message(FATAL_ERROR "${option}=ON needs ${needs}")
  endif()
endfunction()

if(TORNADO_TLS)
  find_package(OpenSSL 3.0 QUIET)
endif()
tornado_try_component(TORNADO_TLS TORNADO_HAS_OPENSSL OpenSSL::SSL
  "OpenSSL 3.0 or later (Debian: libssl-dev)" [[
  #include <openssl/ssl.h>
  int main() { return ::SSL_CTX_new(::TLS_method()) ? 0 : 1; }
]])

unset(CARES_FOUND CACHE)  # of an earlier configuration
if(TORNADO_DNS AND NOT WIN32)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(CARES QUIET IMPORTED_TARGET GLOBAL libcares>=1.18)
  endif()
endif()
tornado_try_component(TORNADO_DNS TORNADO_HAS_CARES PkgConfig::CARES
  "pkg-config and c-ares 1.18 or later (Debian: libc-ares-dev), and no Windows" [[
  #include <ares.h>
  int main() { return ::ares_library_init(ARES_LIB_INIT_ALL); }
]])
