// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The parts of locks and queues that the compiler has to see. Programs use
/// tornado/locks.h and tornado/queues.h.

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>

#include "tornado/coroutine_frame.h"
#include "tornado/loop_types.h"
#include "tornado/time.h"

namespace tornado::detail {

class WaitLine;

/// A task's place in a WaitLine. Once the wait was chosen, neither a cancellation nor
/// the timeout ends it: the task gets what it was chosen for.
class TORNADO_API LineWait : public Suspension, public ListLink<LineWait> {
 public:
  bool withdraw() noexcept final;
  [[nodiscard]] std::string describe() const override { return what_; }

  /// Ends the wait with a result. For what owns the line.
  void choose() noexcept;

 protected:
  /// `what` names the wait in reports and errors, and is a literal.
  LineWait(const char* what, std::optional<Delay> timeout,
           std::source_location where) noexcept
      : what_(what), timeout_(timeout), where_(where) {}
  ~LineWait() { disarm(); }

  void enter(WaitLine& line);
  /// The result was there without a wait.
  void choose_at_once(WaitLine& line) noexcept;
  /// True, and the wait has timed out, if the timeout leaves no time to wait.
  [[nodiscard]] bool expires_at_once() noexcept;
  /// Whether the wait has a result that the task did not get yet, and the line exists.
  [[nodiscard]] bool holds_result() const noexcept {
    return end_ == End::chosen && linked();
  }
  /// The task gets the result. False if the wait has timed out; throws Errc::abandoned
  /// if the line is gone.
  [[nodiscard]] bool take_result();
  /// Throws Errc::timed_out, too.
  void check_result();
  [[noreturn]] void throw_abandoned() const;

  [[nodiscard]] const std::source_location& where() const noexcept { return where_; }

 private:
  friend class WaitLine;
  enum class End : std::uint8_t { none, chosen, timed_out, abandoned };
  void finish(End end) noexcept;
  void disarm() noexcept;

  const char* what_;
  std::optional<Delay> timeout_;
  std::source_location where_;
  TimeoutHandle alarm_;
  WaitLine* line_ = nullptr;
  End end_ = End::none;
};

/// Tasks that wait for the same, first come, first served. If it is destroyed, their
/// waits end with Errc::abandoned.
class TORNADO_API WaitLine {
 public:
  WaitLine() noexcept = default;
  ~WaitLine();
  WaitLine(const WaitLine&) = delete;
  WaitLine& operator=(const WaitLine&) = delete;

  /// Null if no task waits.
  [[nodiscard]] LineWait* first() const noexcept {
    return waiting_.linked() ? static_cast<LineWait*>(waiting_.next) : nullptr;
  }

 private:
  friend class LineWait;
  List<LineWait> waiting_;
  List<LineWait> chosen_;  // until their tasks go on
};

}  // namespace tornado::detail
