// SPDX-License-Identifier: Apache-2.0
#include "fuzz/stream_program.h"

#include <algorithm>
#include <array>

namespace tornado::fuzz {
namespace {

constexpr std::array kinds = std::to_array<StreamOp::Kind>({
    StreamOp::read_bytes,
    StreamOp::read_bytes,
    StreamOp::read_some,
    StreamOp::read_some,
    StreamOp::read_some_view,
    StreamOp::read_into,
    StreamOp::read_until,
    StreamOp::read_until,
    StreamOp::read_until_view,
    StreamOp::read_until,
    StreamOp::read_until_match,
    StreamOp::read_until_close,
    StreamOp::write,
    StreamOp::write,
    StreamOp::write,
    StreamOp::write,
    StreamOp::write,
    StreamOp::write_and_wait,
    StreamOp::write_and_wait,
    StreamOp::write_and_wait,
    StreamOp::write,
    StreamOp::flush,
    StreamOp::flush,
    StreamOp::shutdown_write,
    StreamOp::finish,
    StreamOp::turn,
    StreamOp::cancel,
    StreamOp::move,
    StreamOp::set_close_callback,
    StreamOp::close,
    StreamOp::destroy,
    StreamOp::close_with_error,
});

constexpr std::array sizes = std::to_array<std::size_t>(
    {0, 1, 2, 3, 10, 17, 50, 100, 400, 1000, 4095, 4096, 5000, 20000, 65536, 150000});
constexpr std::array<std::string_view, 4> delimiters = {"\n", "ab", "\n\n", "#"};

template <std::size_t n>
std::size_t one_of(Input& input, const std::size_t (&choices)[n]) {
  return choices[input.below(n)];
}

/// A pipe goes one way.
std::uint8_t end_of(StreamOp::Kind kind, StreamLink link, unsigned asked) {
  if (link != StreamLink::pipe) return asked & 1;
  if (is_read(kind)) return 0;
  if (kind <= StreamOp::finish) return 1;
  return asked & 1;
}

StreamOp decode_op(Input& input, const StreamProgram& program) {
  StreamOp op;
  op.kind = kinds[input.below(kinds.size())];
  const unsigned bits = input.byte();
  const unsigned more = input.byte();
  // Most programs go on for a while.
  const bool ends = op.kind >= StreamOp::close || op.kind == StreamOp::finish ||
                    op.kind == StreamOp::shutdown_write;
  if (ends && (more & 0x70) != 0) op.kind = StreamOp::write;
  op.end = end_of(op.kind, program.link, bits);
  op.at_once = (bits & 6) == 0;
  op.in_no_time = (bits & 0x38) == 0;
  op.delimiter = delimiters[bits >> 6];
  op.size = sizes[more % sizes.size()];
  // A byte at a time, large amounts take long.
  if (program.most_moved < 100) op.size = (std::min)(op.size, std::size_t{300});
  if (more >= 0x80) op.max_bytes = 1 + more % 64;
  return op;
}

constexpr std::array<const char*, StreamOp::kinds> names = {"read_bytes",
                                                            "read_some",
                                                            "read_some_view",
                                                            "read_into",
                                                            "read_until",
                                                            "read_until_view",
                                                            "read_until_match",
                                                            "read_until_close",
                                                            "write",
                                                            "write_and_wait",
                                                            "flush",
                                                            "shutdown_write",
                                                            "finish",
                                                            "turn",
                                                            "cancel",
                                                            "move",
                                                            "set_close_callback",
                                                            "close",
                                                            "close_with_error",
                                                            "destroy"};

}  // namespace

StreamProgram decode_streams(Input& input) {
  const auto links = stream_links();
  const StreamLink link = links[input.below(static_cast<unsigned>(links.size()))];
  return decode_streams(input, link);
}

StreamProgram decode_streams(Input& input, StreamLink link) {
  static const std::vector<PollerKind> pollers = poller_kinds();
  constexpr std::size_t all = 100 << 20;
  StreamProgram program;
  program.link = link;
  program.poller = pollers[input.below(static_cast<unsigned>(pollers.size()))];
  program.options.half_open = input.flag();
  program.options.write_room = one_of(input, {64 << 10, 1, 100, 5000});
  program.options.max_buffer_size = one_of(input, {all, all, 1000, 5000, 70000});
  program.options.max_write_buffer_size = one_of(input, {all, all, 3000, 100000});
  program.most_moved = one_of(input, {npos, npos, npos, 1, 7, 100, 4096});
  const unsigned more = input.byte();
  program.reluctant = more % 4 == 1;
  program.in_handshake = is_tls(link) && more / 4 % 2 == 1;
  while (!input.empty() && program.ops.size() < 150) {
    program.ops.push_back(decode_op(input, program));
  }
  return program;
}

std::string to_text(const StreamOp& op) {
  std::string text = "  " + std::to_string(op.end) + " " + names[op.kind];
  if (is_read_until(op.kind)) {
    text += op.delimiter == "\n" ? " line" : op.delimiter == "\n\n" ? " lines" : " ";
    if (op.delimiter[0] != '\n') text += op.delimiter;
    if (op.max_bytes != npos) text += " most " + std::to_string(op.max_bytes);
  } else {
    text += " " + std::to_string(op.size);
  }
  if (op.in_no_time) text += " in no time";
  return text + (op.at_once ? ", at once\n" : "\n");
}

std::string to_text(const StreamProgram& program) {
  constexpr const char* links[] = {"tcp", "local", "pipe", "TLS 1.2", "TLS 1.3"};
  const StreamOptions& options = program.options;
  std::string text = std::string(links[static_cast<int>(program.link)]) + " on " +
                     std::string(to_string(program.poller)) +
                     (options.half_open ? ", half open" : "") + ", room " +
                     std::to_string(options.write_room) + ", buffers " +
                     std::to_string(options.max_buffer_size) + " and " +
                     std::to_string(options.max_write_buffer_size) + ", moved " +
                     std::to_string(program.most_moved) +
                     (program.reluctant ? ", reluctant" : "") +
                     (program.in_handshake ? ", in the handshake\n" : "\n");
  for (const StreamOp& op : program.ops) text += to_text(op);
  return text;
}

}  // namespace tornado::fuzz
