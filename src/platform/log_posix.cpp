// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>
#include <unistd.h>

#include "platform/log.h"

namespace tornado {
namespace {

iovec piece(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}

}  // namespace

void write_line_to_stderr(std::string_view label, std::string_view message) noexcept {
  const iovec pieces[] = {piece(label), piece(message), piece("\n")};
  [[maybe_unused]] auto written = ::writev(STDERR_FILENO, pieces, 3);
}

}  // namespace tornado
