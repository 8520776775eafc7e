// SPDX-License-Identifier: Apache-2.0
#include "support/sanitizers.h"

#include <cstdlib>
#include <cstring>

namespace tornado::test {

bool under_valgrind() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded && std::strstr(preloaded, "valgrind");
}

}  // namespace tornado::test
