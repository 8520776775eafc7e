// SPDX-License-Identifier: Apache-2.0
#include "support/sanitizers.h"

#include <cstdlib>
#include <cstring>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

namespace tornado::test {

bool under_address_sanitizer() {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
  return true;
#else
  return false;
#endif
}

bool under_thread_sanitizer() {
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
  return true;
#else
  return false;
#endif
}

bool under_valgrind() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded && std::strstr(preloaded, "valgrind");
}

}  // namespace tornado::test
