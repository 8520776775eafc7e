// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the reads of a stream return. Programs use tornado/iostream.h.

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tornado/callback.h"
#include "tornado/stream_wait.h"

namespace tornado::detail {

/// Finds where a read ends: the number of bytes to take, or npos if there are too few.
using ReadMatcher = UniqueFunction<std::size_t(std::string_view), 16>;

class TORNADO_API ReadWait : public StreamWait {
 public:
  /// `most` bytes.
  ReadWait(const StreamPtr& stream, StreamAct act, std::size_t most,
           const std::optional<Delay>& timeout) noexcept
      : StreamWait(stream, act, timeout), count_(most) {}
  /// Up to `end`, and that within `most` bytes.
  ReadWait(const StreamPtr& stream, std::string_view end, std::size_t most,
           const std::optional<Delay>& timeout)
      : ReadWait(stream, StreamAct::read_until, most, timeout) {
    if (end.size() == 1) {
      delimiter_.bytes[0] = end[0];
      delimiter_.size = 1;
    } else {
      end_at(end);
    }
  }
  ReadWait(const StreamPtr& stream, ReadMatcher end, std::size_t most,
           const std::optional<Delay>& timeout);
  /// Whether the bytes are there and were taken, with nothing else to do.
  bool at_once() noexcept { return ends_plainly() && take_at_once(); }
  bool ready();
  void suspend() { begin(); }

 protected:
  ReadWait(ReadWait&& other) noexcept = default;
  ~ReadWait() = default;
  /// The bytes leave the stream. Valid until its next operation.
  std::string_view take() {
    if (state_ != State::taken && state_ != State::all_taken) take_granted();
    return {taken_, count_};
  }
  /// The bytes were copied: the stream may give their memory back.
  void release_memory() noexcept {
    if (state_ == State::all_taken) give_memory_back();
  }

 private:
  friend class StreamCore;
  void end_at(std::string_view delimiter);
  [[nodiscard]] inline std::string_view delimiter() const noexcept;
  void fail_with(std::exception_ptr failure) noexcept;
  [[nodiscard]] bool ends_plainly() const noexcept {
    return act_ == StreamAct::read_until ? !has_end_ && delimiter_.size == 1
                                         : act_ == StreamAct::read_bytes;
  }
  bool take_at_once() noexcept;
  void take_granted();
  void give_memory_back() noexcept;
  void prepare() final;
  bool try_now() noexcept override;
  [[noreturn]] void throw_failure() const final;

  std::size_t count_;  // the most bytes; once it is granted, those to take
};

class StringRead : public ReadWait {
 public:
  using ReadWait::ReadWait;
  std::string result() {
    std::string bytes(take());
    release_memory();
    return bytes;
  }
  template <ResultHandler<std::string> F>
  void call(F done) && {
    call_with_result<std::string>(std::move(*this), std::move(done));
  }
};

class ViewRead : public ReadWait {
 public:
  using ReadWait::ReadWait;
  std::string_view result() { return take(); }
  template <ResultHandler<std::string_view> F>
  void call(F done) && {
    call_with_result<std::string_view>(std::move(*this), std::move(done));
  }
};

class IntoRead : public ReadWait {
 public:
  IntoRead(const StreamPtr& stream, std::span<char> room,
           const std::optional<Delay>& timeout) noexcept
      : ReadWait(stream, StreamAct::read_into, room.size(), timeout),
        into_(room.data()) {}
  std::size_t result() {
    const std::string_view bytes = take();
    const std::size_t count = bytes.copy(into_, bytes.size());
    release_memory();
    return count;
  }
  template <ResultHandler<std::size_t> F>
  void call(F done) && {
    call_with_result<std::size_t>(std::move(*this), std::move(done));
  }

 private:
  char* into_;
};

}  // namespace tornado::detail
