// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <system_error>

#include "fuzz/stream_program.h"

namespace tornado::fuzz {

/// What tornado/iostream.h promises of two ends, by two queues of bytes. The kernel
/// decides when bytes arrive. So the model does not say when an operation ends; it
/// judges each end of an operation, and says which operations have to end.
///
/// A judgement is null, or what is wrong.
class StreamModel {
 public:
  using Judgement = const char*;

  explicit StreamModel(const StreamProgram& program) : program_(program) {}

  /// What `end` writes next. Fewer bytes when its text is used up.
  [[nodiscard]] std::string_view next(int end, std::size_t count) const;

  // What happened at `end`.
  void written(int end, std::size_t count);
  void output_may_end(int end) { ends_[end].output_ending = true; }
  void output_ended(int end);
  void finishes(int end) { ends_[end].finishing = ends_[end].output_ending = true; }
  void may_time_out(int end) { ends_[end].may_time_out = true; }
  /// A cancellation within a handshake ends the connection.
  void may_break_off(int end) { ends_[end].may_break_off = true; }
  void closed(int end, std::error_code why, bool unsent);

  /// What the stream tells of itself.
  Judgement observe(int end, const IOStream& stream);
  /// A read has ended.
  Judgement granted(const StreamOp& read, std::string_view bytes);
  Judgement failed(const StreamOp& read, std::error_code why);
  /// The write was taken; or not.
  Judgement write_taken(int end) const;
  Judgement write_refused(int end) const;
  Judgement write_too_large(int end, std::size_t count) const;
  /// A wait for room, for the kernel, or for the end of output.
  Judgement wait_failed(int end) const;

  /// Whether the operation has to end without another one.
  [[nodiscard]] bool due(const StreamOp& op) const;
  /// Whether a close callback, where nothing reads, has to notice the end.
  [[nodiscard]] bool end_is_due(int end) const;
  [[nodiscard]] bool is_closed(int end) const { return ends_[end].closed; }
  [[nodiscard]] bool is_finishing(int end) const { return ends_[end].finishing; }

 private:
  /// The bytes that one end writes and the other reads.
  struct Queue {
    std::size_t written = 0;
    std::size_t read = 0;
    bool ended = false;       // no more will come
    bool cut = false;         // only some of the bytes arrive, and then a clean end
    bool lossy = false;       // only some of the bytes arrive, and then any error
    bool broken_off = false;  // no clean end is told
  };
  struct End {
    bool closed = false;        // by the program, or by an error
    bool input_closed = false;  // by the end of input
    bool output_ending = false;
    bool output_ended = false;
    bool finishing = false;  // it reads what others would
    bool may_time_out = false;
    bool may_break_off = false;
  };
  enum class Expected { wait, grant, unsatisfiable, full };

  Queue& out(int end) { return queues_[end]; }
  [[nodiscard]] const Queue& out(int end) const { return queues_[end]; }
  Queue& in(int end) { return queues_[1 - end]; }
  [[nodiscard]] const Queue& in(int end) const { return queues_[1 - end]; }
  [[nodiscard]] std::string_view unread(int end) const;
  [[nodiscard]] Expected expected(const StreamOp& read) const;
  [[nodiscard]] Judgement judge_size(const StreamOp& read, std::size_t size) const;
  /// Whether reads are surely told of the end of input: all that was written is sent.
  [[nodiscard]] bool end_is_told(int end) const;
  void break_off(int closed_end);

  const StreamProgram& program_;
  Queue queues_[2];
  End ends_[2];
  bool broken_ = false;  // an end has closed before it had read everything
};

}  // namespace tornado::fuzz
