// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "process/exit_watch.h"
#include "tornado/iostream.h"
#include "tornado/registration.h"
#include "tornado/subprocess.h"

namespace tornado {

/// Writes all input into one pipe while it reads two others to their ends.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  /// Takes the result, or leaves it here and returns false.
  using Taker = UniqueFunction<bool(Communicated&)>;

  explicit Conversation(IOLoop& loop) : loop_(loop.handle()) {}

  /// Asks `exit` for the status of the child, and reads on for `after_exit` at most.
  void start(std::string input, ExitWatch& exit, Delay after_exit);
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// Called once, on the loop, when all is written and read and the child has ended.
  /// Without one the result stays here. Replaces the one before. Gives its number.
  int set_taker(Taker taker);
  /// No effect once it was replaced.
  void drop_taker(int number) noexcept;
  [[nodiscard]] const Communicated& so_far() const noexcept { return result_; }
  /// Closes the pipes.
  void stop() noexcept;

  std::optional<PipeIOStream> in, out, err;

 private:
  using Stream = std::optional<PipeIOStream>;

  void write_some();
  void read_some(Stream& from, std::string& text);
  void finish(Stream& stream);
  void on_exit(ExitStatus status, Delay after_exit);
  void cut_off();
  [[nodiscard]] bool over() const noexcept;
  void tell_if_over();

  LoopHandle loop_;  // this may outlive it
  std::string input_;
  std::size_t written_ = 0;
  bool started_ = false;
  bool ended_ = false;  // the child
  Timeout alarm_;       // from the end of the child on
  Communicated result_;
  Taker taker_;
  int takers_ = 0;  // until now
};

}  // namespace tornado
