// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/input.h"
#include "tornado/iostream.h"
#include "tornado/poller_kind.h"

namespace tornado::fuzz {

inline constexpr std::size_t npos = std::string_view::npos;

/// What connects the two ends. End 0 of a pipe reads, and end 1 writes. End 0 of a
/// connection over TLS is the server.
enum class StreamLink : std::uint8_t { tcp, local, pipe, tls1_2, tls1_3 };

constexpr bool is_tls(StreamLink link) {
  return link >= StreamLink::tls1_2;
}
/// None over TLS in a build without it.
std::span<const StreamLink> stream_links();

struct StreamOp {
  enum Kind : std::uint8_t {
    read_bytes,
    read_some,
    read_some_view,
    read_into,
    read_until,
    read_until_view,
    read_until_match,
    read_until_close,
    write,
    write_and_wait,
    flush,
    shutdown_write,
    finish,
    turn,
    cancel,
    move,
    set_close_callback,
    close,
    close_with_error,
    destroy,
    kinds
  };
  Kind kind = turn;
  std::uint8_t end = 0;
  bool at_once = false;     // the next operation begins in the same turn
  bool in_no_time = false;  // with a timeout of zero
  std::size_t size = 0;
  std::size_t max_bytes = npos;
  std::string_view delimiter = {};
};

constexpr bool is_read(StreamOp::Kind kind) {
  return kind <= StreamOp::read_until_close;
}
constexpr bool is_read_until(StreamOp::Kind kind) {
  return kind >= StreamOp::read_until && kind <= StreamOp::read_until_match;
}

struct StreamProgram {
  StreamLink link = StreamLink::tcp;
  PollerKind poller = PollerKind::best;
  StreamOptions options;
  bool in_handshake = false;      // the operations begin within the handshake of TLS
  std::size_t most_moved = npos;  // by one call of the system
  bool reluctant = false;         // each second call moves nothing
  std::vector<StreamOp> ops;
};

StreamProgram decode_streams(Input& input);
/// The rest of the input, for streams that `link` connects.
StreamProgram decode_streams(Input& input, StreamLink link);
std::string to_text(const StreamProgram& program);
std::string to_text(const StreamOp& op);

/// Plays the program on two streams, and aborts where these differ from the model. The
/// number of operations, without those on a stream that was destroyed before.
std::size_t play_streams(const StreamProgram& program);

}  // namespace tornado::fuzz
