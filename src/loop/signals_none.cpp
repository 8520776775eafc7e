// SPDX-License-Identifier: Apache-2.0
// Windows: what its C runtime calls signals is not there for others to share.
#include "loop/signal_watch.h"
#include "platform/system_error.h"

namespace tornado {

void watch_signal(int signal, std::shared_ptr<Mailbox>) {
  throw_error(std::make_error_code(std::errc::not_supported),
              "add_signal_handler signal " + std::to_string(signal));
}

void unwatch_signal(int, const Mailbox&) {}

}  // namespace tornado
