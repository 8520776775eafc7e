// SPDX-License-Identifier: Apache-2.0
#include "support/sanitizers.h"

#include <cstdlib>
#include <cstring>

namespace tornado::test {

#if defined(__SANITIZE_THREAD__)
#define TORNADO_TEST_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TORNADO_TEST_THREAD_SANITIZER 1
#endif
#endif
#ifndef TORNADO_TEST_THREAD_SANITIZER
#define TORNADO_TEST_THREAD_SANITIZER 0
#endif

bool under_thread_sanitizer() {
  return TORNADO_TEST_THREAD_SANITIZER;
}

bool under_valgrind() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded && std::strstr(preloaded, "valgrind");
}

}  // namespace tornado::test
