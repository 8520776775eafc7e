// SPDX-License-Identifier: Apache-2.0
#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {

bool same_description(NativeFd, NativeFd, std::error_code& ec) noexcept {
  ec = std::make_error_code(std::errc::not_supported);
  return false;
}

}  // namespace tornado
