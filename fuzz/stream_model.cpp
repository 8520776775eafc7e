// SPDX-License-Identifier: Apache-2.0
#include "fuzz/stream_model.h"

#include <algorithm>
#include <random>
#include <string>

#include "tornado/error.h"

namespace tornado::fuzz {
namespace {

// What a kernel takes of one end though the other end does not read.
constexpr std::size_t always_taken = 64;
// What has surely arrived at the other end, so that no reset takes it back.
constexpr std::size_t surely_arrived = 16 << 10;

std::string make_text(unsigned seed) {
  std::mt19937 random(seed);
  std::string text(1 << 20, '\0');
  for (char& letter : text) letter = "abcdefghijklmno\n"[random() % 16];
  return text;
}

std::string_view text_of(int end) {
  static const std::string texts[] = {make_text(1), make_text(2)};
  return texts[end];
}

}  // namespace

std::string_view StreamModel::next(int end, std::size_t count) const {
  return text_of(end).substr(out(end).written, count);
}

std::string_view StreamModel::unread(int end) const {
  const Queue& queue = in(end);
  return text_of(1 - end).substr(queue.read, queue.written - queue.read);
}

void StreamModel::written(int end, std::size_t count) {
  out(end).written += count;
  if (ends_[1 - end].closed) break_off(1 - end);
}

void StreamModel::output_ended(int end) {
  ends_[end].output_ended = true;
  out(end).ended = true;
}

void StreamModel::closed(int end, std::error_code why, bool unsent) {
  if (ends_[end].closed) return;
  const bool readers_end = program_.link == StreamLink::pipe && end == 0;
  // Over TLS the kernel may have what is for no reader.
  const bool tls = is_tls(program_.link);
  if (readers_end || tls || unread(end).size() > 0 || unsent) break_off(end);
  const bool ends = ends_[end].output_ending || ends_[end].input_closed;
  if (tls && why && !ends) out(end).broken_off = true;
  ends_[end].closed = true;
  out(end).ended = true;
  out(end).cut = out(end).cut || unsent;
}

/// TCP takes back what the kernel of the end that closed has not sent.
void StreamModel::break_off(int end) {
  broken_ = true;
  in(end).lossy = true;
  const Queue& queue = out(end);
  const bool arrived =
      program_.link != StreamLink::tcp ||
      (queue.written - queue.read <= surely_arrived && program_.most_moved >= 100);
  const bool drained = !program_.reluctant &&
                       program_.options.max_buffer_size > queue.written - queue.read;
  if (!arrived || !drained) out(end).lossy = true;
}

StreamModel::Judgement StreamModel::observe(int end, const IOStream& stream) {
  End& self = ends_[end];
  if (self.closed || !stream.closed()) return nullptr;
  const std::error_code why = stream.error();
  const bool by_limit = why == Errc::unsatisfiable_read || why == Errc::buffer_full;
  if (by_limit || (why == std::errc::timed_out && self.may_time_out)) {
    closed(end, why, stream.writing());
    return nullptr;
  }
  if (why == std::errc::operation_canceled && self.may_break_off) {
    closed(end, why, stream.writing());
    return nullptr;
  }
  if (self.finishing && stream.fileno() == invalid_fd) {
    closed(end, why, stream.writing());
    return nullptr;
  }
  const bool input_ended = in(end).ended || ends_[1 - end].output_ending;
  if (!why && input_ended && !program_.options.half_open) {
    in(end).ended = self.input_closed = true;
    if (!ends_[end].finishing || !stream.writing()) out(end).ended = true;
    return nullptr;
  }
  // A pipe has no other end of output.
  const bool ends = self.output_ending && program_.link == StreamLink::pipe;
  if (!self.finishing && !ends && !broken_) return "it closed without a cause";
  closed(end, why, stream.writing());
  return nullptr;
}

StreamModel::Expected StreamModel::expected(const StreamOp& read) const {
  const std::string_view there = unread(read.end);
  std::size_t needed = npos;
  Expected then = Expected::grant;
  if (is_read_until(read.kind)) {
    const std::size_t found = there.find(read.delimiter);
    if (found != npos) needed = found + read.delimiter.size();
    if (needed > read.max_bytes) {
      needed = read.max_bytes;
      then = Expected::unsatisfiable;
    }
  } else if (read.kind == StreamOp::read_some ||
             read.kind == StreamOp::read_some_view) {
    needed = (std::min)(read.size, std::size_t{1});
  } else if (read.kind != StreamOp::read_until_close) {
    needed = read.size;
  } else if (in(read.end).ended) {
    needed = there.size();
  }
  const std::size_t most = program_.options.max_buffer_size;
  if (needed > most) {
    return there.size() >= most ? Expected::full : Expected::wait;
  }
  return there.size() >= needed ? then : Expected::wait;
}

StreamModel::Judgement StreamModel::judge_size(const StreamOp& read,
                                               std::size_t size) const {
  const std::string_view there = unread(read.end);
  switch (read.kind) {
    case StreamOp::read_bytes:
    case StreamOp::read_into:
      return size == read.size ? nullptr : "not as many bytes as were asked for";
    case StreamOp::read_some:
    case StreamOp::read_some_view:
      if (size > read.size) return "more bytes than were asked for";
      return size > 0 || read.size == 0 ? nullptr : "no byte";
    case StreamOp::read_until_close: {
      const Queue& queue = in(read.end);
      if (ends_[read.end].closed) return nullptr;
      if (queue.broken_off) return "a connection that broke off has ended cleanly";
      if (queue.cut || queue.lossy) return nullptr;
      if (!queue.ended && !ends_[1 - read.end].output_ending) return "no end yet";
      return size == there.size() ? nullptr : "not all";
    }
    default:
      if (there.find(read.delimiter) + read.delimiter.size() != size) {
        return "not up to the first delimiter";
      }
      return size <= read.max_bytes ? nullptr : "more than max_bytes";
  }
}

StreamModel::Judgement StreamModel::granted(const StreamOp& read,
                                            std::string_view bytes) {
  if (ends_[read.end].finishing) return nullptr;
  if (!unread(read.end).starts_with(bytes)) return "wrong bytes";
  if (const Judgement wrong = judge_size(read, bytes.size())) return wrong;
  in(read.end).read += bytes.size();
  return nullptr;
}

StreamModel::Judgement StreamModel::failed(const StreamOp& read, std::error_code why) {
  const End& self = ends_[read.end];
  Queue& queue = in(read.end);
  const bool short_of = queue.cut || queue.lossy;
  const Expected right = expected(read);
  if (why == Errc::unsatisfiable_read && right == Expected::unsatisfiable) {
    return nullptr;
  }
  const bool full = unread(read.end).size() >= program_.options.max_buffer_size;
  if (why == Errc::buffer_full && full && right != Expected::unsatisfiable) {
    return nullptr;
  }
  if (self.closed || self.finishing) return nullptr;
  if (queue.broken_off && !why) return "a connection that broke off has ended cleanly";
  if (short_of) return nullptr;
  const bool limit = right == Expected::unsatisfiable || right == Expected::full;
  if (limit && self.input_closed) return nullptr;
  if (right != Expected::wait && read.kind != StreamOp::read_until_close) {
    return "it failed, though the bytes had arrived";
  }
  if (broken_) return nullptr;
  if (why) return "an error without a cause";
  if (!queue.ended && !ends_[1 - read.end].output_ending)
    return "an end without a cause";
  if (right != Expected::wait) return "it failed, though the end had come";
  queue.ended = true;
  return nullptr;
}

StreamModel::Judgement StreamModel::write_taken(int end) const {
  const End& self = ends_[end];
  if (self.closed || self.input_closed) return "a closed stream takes a write";
  return self.output_ended ? "a write after the end of output" : nullptr;
}

StreamModel::Judgement StreamModel::write_refused(int end) const {
  const End& self = ends_[end];
  const bool may = self.closed || self.input_closed || self.output_ending || broken_ ||
                   ends_[1 - end].closed;
  return may ? nullptr : "an open stream refuses a write";
}

StreamModel::Judgement StreamModel::write_too_large(int end, std::size_t count) const {
  const Queue& queue = out(end);
  const std::size_t most = queue.written - queue.read + count;
  return most > program_.options.max_write_buffer_size ? nullptr : "there is room";
}

StreamModel::Judgement StreamModel::wait_failed(int end) const {
  const End& self = ends_[end];
  const bool may = self.closed || self.input_closed || self.finishing || broken_ ||
                   ends_[1 - end].closed || self.output_ended;
  return may ? nullptr : "a wait of an open stream failed";
}

bool StreamModel::due(const StreamOp& op) const {
  const End& self = ends_[op.end];
  const bool peer_closed = ends_[1 - op.end].closed;
  if (self.closed || peer_closed) return true;
  const Queue& queue = out(op.end);
  const std::size_t unsent = queue.written - queue.read;
  if (op.kind == StreamOp::finish) {
    return (in(op.end).ended || op.in_no_time) && unsent <= always_taken;
  }
  if (op.in_no_time && op.kind != StreamOp::shutdown_write) return true;
  if (is_read(op.kind)) {
    if (self.finishing) return false;
    if (in(op.end).ended && end_is_told(op.end)) return true;
    const Expected right = expected(op);
    const bool waits_for_end =
        op.kind == StreamOp::read_until_close && right == Expected::grant;
    return right != Expected::wait && !waits_for_end;
  }
  const std::size_t room =
      op.kind == StreamOp::write_and_wait ? program_.options.write_room : 0;
  return unsent <= (std::max)(room, always_taken);
}

bool StreamModel::end_is_told(int end) const {
  const Queue& queue = out(end);
  return program_.options.half_open || queue.written - queue.read <= always_taken;
}

bool StreamModel::end_is_due(int end) const {
  if (ends_[end].finishing || unread(end).size() > 0) return false;
  return in(end).ended && !program_.options.half_open && end_is_told(end);
}

}  // namespace tornado::fuzz
