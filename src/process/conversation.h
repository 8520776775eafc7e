// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "process/exit_watch.h"
#include "tornado/subprocess.h"

namespace tornado {

/// The result of one read from a child's pipe, or of one write into it.
enum class Transfer { some, none_now, closed };

struct Transferred {
  Transfer what;
  std::size_t size = 0;
};

/// Reads once. `closed` is the end of file. Throws other errors.
Transferred read_from_child(NativeFd pipe, std::span<char> bytes);

/// Writes once, without SIGPIPE. `closed` if the pipe has no reader. Throws other
/// errors.
Transferred write_to_child(NativeFd pipe, std::span<const char> bytes);

/// This process's end of a pipe, in a form that a loop may close.
struct PipeEnd {
  UniqueFd fd;
  bool watched = false;

  [[nodiscard]] NativeFd fileno() const noexcept { return fd.get(); }
  void close() noexcept {
    fd.reset();
    watched = false;
  }
};

/// Writes all input into one pipe while it reads two others to their ends.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  explicit Conversation(IOLoop& loop) : loop_(loop.handle()) {}

  /// Asks `exit` for the status of the child.
  void start(std::string input, ExitWatch& exit);
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// Called once, on the loop, when all is written and read and the child has ended.
  /// Without one the result stays here.
  void set_callback(Subprocess::CommunicateCallback callback);
  /// Closes the pipes.
  void stop() noexcept;

  PipeEnd in_end, out_end, err_end;

 private:
  void watch(PipeEnd& end, Events events, void (Conversation::*step)());
  template <class F>
  void transfer(PipeEnd& end, F step);
  void write_some();
  void read_some(PipeEnd& end, std::string& text);
  void read_out() { read_some(out_end, result_.out); }
  void read_err() { read_some(err_end, result_.err); }
  void close(PipeEnd& end) noexcept;
  void finish(PipeEnd& end);
  [[nodiscard]] bool over() const noexcept;
  void tell_if_over();

  LoopHandle loop_;  // this may outlive it
  std::string input_;
  std::size_t written_ = 0;
  bool started_ = false;
  bool ended_ = false;  // the child
  Communicated result_;
  Subprocess::CommunicateCallback callback_;
};

}  // namespace tornado
