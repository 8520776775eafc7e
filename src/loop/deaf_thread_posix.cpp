// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "loop/deaf_thread.h"
#include "platform/signal_blocker.h"

namespace tornado {

std::thread start_deaf_thread(std::function<void()> body) {
  const SignalBlocker blocker;
  return std::thread(std::move(body));
}

}  // namespace tornado
