// SPDX-License-Identifier: Apache-2.0
#include "platform/system_error.h"

namespace tornado {

void throw_error(std::error_code error, std::string_view act) {
  throw std::system_error(error, std::string(act));
}

void throw_errno(std::string_view act) {
  throw_error(last_error(), act);
}

std::string act_on(std::string_view act, NativeFd fd) {
  return std::string(act).append(" fd ").append(std::to_string(fd));
}

}  // namespace tornado
