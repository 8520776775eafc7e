// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "platform/sigpipe_posix.h"
#include "platform/system_error.h"
#include "stream/stream_core.h"

namespace tornado {
namespace {

Moved read_pipe(NativeFd fd, std::span<std::byte> room) noexcept {
  const ssize_t n = retry_eintr([&] { return ::read(fd, room.data(), room.size()); });
  if (n < 0) return {0, last_error()};
  return {static_cast<std::size_t>(n)};
}

Moved write_pipe(NativeFd fd, std::span<const Bytes> pieces) noexcept {
  std::array<iovec, most_pieces> vector;
  const std::size_t count = (std::min)(pieces.size(), most_pieces);
  for (std::size_t i = 0; i < count; ++i) {
    vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
  }
  const ssize_t n = without_sigpipe(
      [&] { return ::writev(fd, vector.data(), static_cast<int>(count)); });
  if (n < 0) return {0, last_error()};
  return {static_cast<std::size_t>(n)};
}

}  // namespace

const StreamTransport socket_transport = {&receive_bytes, &send_pieces};
const StreamTransport pipe_transport = {&read_pipe, &write_pipe};

}  // namespace tornado
