// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include "tornado/coroutine_frame.h"

namespace tornado::detail {

/// "Server::serve" for what the compiler calls
/// "tornado::Task<void> Server::serve(int) [with ...]"
std::string short_name(std::string_view signature);
/// "server.cpp:40"
std::string place(const std::source_location& where);
/// "serve (server.cpp:40) at server.cpp:55"
std::string describe(const std::source_location& function,
                     const std::source_location& where);

/// The frames that an exception has left, innermost first.
class TaskTrace {
 public:
  /// `frame` was left by `exception`; of another exception than before: the first.
  void note(const std::exception_ptr& exception, const TaskFrame& frame) noexcept {
    if (exception != exception_) {
      exception_ = exception;
      size_ = 0;
    }
    if (size_++ < frames_.size()) frames_[size_ - 1] = {frame.function, frame.where};
  }
  void clear() noexcept {
    exception_ = nullptr;
    size_ = 0;
  }
  [[nodiscard]] const std::exception_ptr& exception() const noexcept {
    return exception_;
  }
  [[nodiscard]] bool is_of(const std::exception_ptr& exception) const noexcept {
    return exception_ && exception == exception_;
  }
  [[noreturn]] void rethrow() const { std::rethrow_exception(exception_); }
  /// One line a frame, each with a newline before it; empty for another exception.
  [[nodiscard]] std::string text(const std::exception_ptr& exception) const {
    return is_of(exception) ? text() : std::string();
  }
  [[nodiscard]] std::string text() const {
    std::string lines;
    for (std::size_t i = 0; i < size_ && i < frames_.size(); ++i) {
      lines += "\n  in " + describe(frames_[i].function, frames_[i].where);
    }
    if (size_ > frames_.size()) {
      lines += "\n  and " + std::to_string(size_ - frames_.size()) + " more";
    }
    return lines;
  }

 private:
  struct Left {
    std::source_location function;
    std::source_location where;
  };
  std::exception_ptr exception_;
  std::array<Left, 32> frames_;
  std::size_t size_ = 0;
};

}  // namespace tornado::detail
