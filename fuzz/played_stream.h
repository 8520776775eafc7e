// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fuzz/stream_program.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"

namespace tornado::fuzz {

/// One end of a link, over a kernel that moves few bytes at a time, and now and then
/// none.
class PlayedStream final : public IOStream {
 public:
  PlayedStream(UniqueFd fd, IOLoop& loop, const StreamProgram& program, int end);
  using IOStream::wait_for_handshake;
  /// False before the end of the handshake of TLS.
  [[nodiscard]] bool connected() const;
};

/// One loop of each kind, for all programs.
IOLoop& loop_of(PollerKind kind);
FdPair open_link(StreamLink link);

}  // namespace tornado::fuzz
