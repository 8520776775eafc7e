// SPDX-License-Identifier: Apache-2.0
// Signals are handled in threads of their own here.
#include <utility>

#include "loop/deaf_thread.h"

namespace tornado {

std::thread start_deaf_thread(std::function<void()> body) {
  return std::thread(std::move(body));
}

}  // namespace tornado
