# SPDX-License-Identifier: Apache-2.0
# Sets TORNADO_HAS_OPENSSL, by TORNADO_TLS. That OpenSSL links is tried, since another
# architecture's may have been found.

include(CheckCXXSourceCompiles)

if(NOT TORNADO_TLS MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "TORNADO_TLS is AUTO, ON or OFF, not \"${TORNADO_TLS}\"")
endif()
if(TORNADO_TLS)
  find_package(OpenSSL 3.0 QUIET)
endif()
if(TORNADO_TLS AND OpenSSL_FOUND)
  set(CMAKE_REQUIRED_QUIET TRUE)
  set(CMAKE_REQUIRED_LIBRARIES OpenSSL::SSL)
  check_cxx_source_compiles([[
    #include <openssl/ssl.h>
    int main() { return ::SSL_CTX_new(::TLS_method()) ? 0 : 1; }
  ]] TORNADO_HAS_OPENSSL)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
else()
  unset(TORNADO_HAS_OPENSSL CACHE)
endif()
if(TORNADO_TLS STREQUAL "ON" AND NOT TORNADO_HAS_OPENSSL)
  message(FATAL_ERROR "TORNADO_TLS=ON needs OpenSSL 3.0 or later (Debian: libssl-dev)")
endif()
