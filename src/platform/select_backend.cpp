// SPDX-License-Identifier: Apache-2.0
#include "platform/select_backend.h"

#include <atomic>

#include "platform/log.h"

namespace tornado {

bool is_unavailable(std::error_code error) noexcept {
  for (const std::errc reason :
       {std::errc::function_not_supported, std::errc::operation_not_permitted,
        std::errc::permission_denied, std::errc::invalid_argument,
        std::errc::not_supported}) {
    if (error == reason) return true;
  }
  return error == Errc::no_poller;  // not in this build
}

void log_replacement(std::string_view wanted, std::string_view instead,
                     const std::system_error& why) {
  static std::atomic<bool> logged{false};
  if (logged.exchange(true)) return;
  log(LogLevel::warning, std::string(wanted) + " does not work here, " +
                             std::string(instead) + " is used instead: " + why.what());
}

}  // namespace tornado
