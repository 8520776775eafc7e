// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "platform/sigpipe_posix.h"
#include "platform/system_error.h"
#include "process/conversation.h"

namespace tornado {

Transferred read_from_child(NativeFd pipe, std::span<char> bytes) {
  const auto n = retry_eintr([&] { return ::read(pipe, bytes.data(), bytes.size()); });
  if (n > 0) return {Transfer::some, static_cast<std::size_t>(n)};
  if (n == 0) return {Transfer::closed};
  if (errno != EAGAIN) throw_errno("read from child");
  return {Transfer::none_now};
}

Transferred write_to_child(NativeFd pipe, std::span<const char> bytes) {
  const auto n =
      without_sigpipe([&] { return ::write(pipe, bytes.data(), bytes.size()); });
  if (n >= 0) return {Transfer::some, static_cast<std::size_t>(n)};
  if (errno == EPIPE) return {Transfer::closed};
  if (errno != EAGAIN) throw_errno("write to child");
  return {Transfer::none_now};
}

}  // namespace tornado
