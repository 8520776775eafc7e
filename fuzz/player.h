// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/program.h"
#include "fuzz/subject.h"

namespace tornado::fuzz {

/// What was heard of a program, in order.
struct Trace {
  std::vector<std::string> lines = {};
  /// In which turn which place was called.
  std::vector<std::pair<int, std::size_t>> called = {};
};

/// Plays a program on a subject.
class Player {
 public:
  enum class Fork : std::uint8_t {
    never,  ///< the model: goes on as the child does
    real    ///< the parent waits, and the child plays the rest
  };
  Player(Fork fork, TimePoint far) : fork_(fork), far_(far) {}

  void play(Subject& subject, const Program& program);
  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] int turn() const { return turn_; }
  /// This process forked, and the child has played the rest, and ended well.
  [[nodiscard]] bool handed_over() const { return handed_over_; }
  [[nodiscard]] bool is_child() const { return is_child_; }

 private:
  struct Place {
    bool reads, writes;
  };
  using Done = void (Player::*)(const Op&);

  void run(const Program& program);
  void run(const Op& op);
  void note(std::string line) { trace_.lines.push_back(std::move(line)); }
  template <class F>
  void attempt(const char* act, F f);
  Subject::Call body_of(const Op& op, const char* what);
  /// Whose destructor makes every call, if it is the end of the loop that runs it.
  std::shared_ptr<void> guard();
  void call_all_when_closed();
  [[nodiscard]] TimePoint deadline_of(const Op& op) const;
  [[nodiscard]] Events interest_of(const Op& op) const;

  void open(const Op& op);
  void duplicate(const Op& op);
  void close(const Op& op);
  void move_bytes(const Op& op);
  void add_handler(const Op& op);
  void from_signal(const Op& op);
  void call_at(const Op& op);
  void update_timeout(const Op& op);
  void start(const Op& op);
  void stop_after(int turns);
  void close_loop(const Op& op);
  void fork();

  const Fork fork_;
  const TimePoint far_;
  Subject* subject_ = nullptr;
  Trace trace_;
  std::array<Place, places> places_{};
  std::vector<std::size_t> timeouts_;
  std::shared_ptr<int> callables_ = std::make_shared<int>();  // each has a share
  int added_ = 0;
  int writes_ = 0;
  int turn_ = 0;
  bool forked_ = false, is_child_ = false, handed_over_ = false;
};

}  // namespace tornado::fuzz
