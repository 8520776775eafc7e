// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fuzz/stream_program.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"

namespace tornado::fuzz {

/// A stream over a kernel that moves few bytes at a time, and now and then none.
class PlayedStream final : public IOStream {
 public:
  PlayedStream(UniqueFd fd, IOLoop& loop, const StreamProgram& program);
};

/// One loop of each kind, for all programs.
IOLoop& loop_of(PollerKind kind);
FdPair open_link(StreamLink link);

}  // namespace tornado::fuzz
