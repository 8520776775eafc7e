// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "platform/sigpipe_posix.h"
#include "platform/system_error.h"
#include "stream/stream_core.h"

namespace tornado {
namespace {

class PipeTransport final : public StreamTransport {
 public:
  Moved read(NativeFd fd, std::span<std::byte> room) noexcept override {
    const ssize_t n = retry_eintr([&] { return ::read(fd, room.data(), room.size()); });
    if (n >= 0) return {static_cast<std::size_t>(n)};
    // The end for writing is read from when its reader has gone.
    return {0, errno == EBADF ? std::make_error_code(std::errc::broken_pipe)
                              : last_error()};
  }

  Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override {
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
};

}  // namespace

std::shared_ptr<StreamTransport> pipe_transport() {
  static PipeTransport transport;
  return {std::shared_ptr<void>(), &transport};  // not owned
}

}  // namespace tornado
