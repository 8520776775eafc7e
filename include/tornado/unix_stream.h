// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Streams of Unix sockets, which carry descriptors.

#include <optional>
#include <string_view>
#include <vector>

#include "tornado/fd.h"
#include "tornado/iostream.h"

namespace tornado {

/// Who is at the other end of a Unix socket, as the kernel knows it.
struct PeerCredentials {
  int pid = 0;
  unsigned user = 0;
  unsigned group = 0;
};

/// A stream that also carries descriptors. Each arrives in order, and close-on-exec.
/// The stream owns it until it is taken. Not on Windows.
///
/// A process at its limit of descriptors gets only some of the sent descriptors. The
/// stream closes then, with std::errc::too_many_files_open, and the bytes that came can
/// still be read.
class TORNADO_API UnixStream : public IOStream {
 public:
  explicit UnixStream(UniqueFd socket, const StreamOptions& options = {});
  UnixStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options = {});

  /// As write(), and sends `descriptors` with the first of the bytes. The stream owns
  /// them until they are sent. `bytes` is not empty, and at most 253 descriptors go
  /// with one call; otherwise std::errc::invalid_argument.
  detail::SentWait write_with(std::string_view bytes, std::vector<UniqueFd> descriptors,
                              std::optional<Delay> timeout = {});
  /// The descriptors that have arrived so far: those of a message are there once its
  /// first byte was read.
  [[nodiscard]] std::vector<UniqueFd> take_descriptors();

  /// Throws std::system_error.
  [[nodiscard]] PeerCredentials peer_credentials() const;

 private:
  class Transport;
  UnixStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options,
             std::shared_ptr<Transport> transport);

  std::shared_ptr<Transport> transport_;
};

}  // namespace tornado
