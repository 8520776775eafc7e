// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Child processes whose streams and end a loop watches.

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tornado/callback.h"
#include "tornado/ioloop.h"
#include "tornado/iostream.h"
#include "tornado/native.h"
#include "tornado/spawn.h"
#include "tornado/time.h"

namespace tornado {

/// The exception of wait_for_exit for a returncode other than 0.
class TORNADO_API CalledProcessError : public std::runtime_error {
 public:
  CalledProcessError(int pid, int returncode);
  [[nodiscard]] int returncode() const noexcept { return returncode_; }

 private:
  int returncode_;
};

/// The output of a child, and how it ended.
struct Communicated {
  std::string out = {};
  std::string err = {};
  ExitStatus status = {};
  /// The output may lack its end: a process that the child has left behind held a pipe
  /// open, and CommunicateOptions::after_exit has passed.
  bool cut_off = false;
};

struct CommunicateOptions {
  /// After this time communicate() throws CommunicateTimeout.
  std::optional<Delay> timeout = {};
  /// How long to write and read on after the child has ended. A daemon that the child
  /// started may hold its pipes open. The first call decides.
  Delay after_exit = std::chrono::seconds(5);
};

/// The exception of communicate() at its timeout. Its code is Errc::timed_out.
class TORNADO_API CommunicateTimeout : public std::system_error {
 public:
  explicit CommunicateTimeout(Communicated so_far);
  /// A copy of the output until then. The status is not set.
  [[nodiscard]] const Communicated& so_far() const noexcept { return so_far_; }

 private:
  Communicated so_far_;
};

/// A child process of a loop. It needs no handler of SIGCHLD, and does not touch other
/// children of the program.
///
/// Threads: all calls are for the loop's thread.
///
/// Lifetime: the destructor closes the pipes and destroys the callbacks. It neither
/// kills nor awaits the child. The loop still reaps the child. Once the loop is closed,
/// a thread that sleeps until then does so; if no thread can start, a later spawn does.
class TORNADO_API Subprocess {
 public:
  using ExitCallback = UniqueFunction<void(ExitStatus)>;
  using CommunicateCallback = UniqueFunction<void(Communicated)>;

  /// A pipe to this process, for in, out and err: `out = Subprocess::STREAM`.
  static inline const Stdio STREAM = Stdio::pipe();

  /// Spawns on the current loop, or on `loop`. Errors: as spawn().
  explicit Subprocess(const SpawnOptions& options);
  Subprocess(const SpawnOptions& options, IOLoop& loop);
  Subprocess(Subprocess&&) noexcept;
  Subprocess& operator=(Subprocess&&) noexcept;
  ~Subprocess();

  [[nodiscard]] int pid() const noexcept;

  /// This process's ends of the pipes, or nothing where a stream is no pipe. reset()
  /// closes a pipe; for in() that is the end of the child's input. While communicate()
  /// is under way, it owns them.
  [[nodiscard]] std::optional<PipeIOStream>& in() noexcept;
  [[nodiscard]] std::optional<PipeIOStream>& out() noexcept;
  [[nodiscard]] std::optional<PipeIOStream>& err() noexcept;

  /// The loop calls `callback` once, when the child has ended, or soon if it has ended
  /// already. Replaces an earlier callback.
  void set_exit_callback(ExitCallback callback);

  /// Waits in a task until the child has ended. Replaces the exit callback. Cancelling
  /// the task does not touch the child. Throws Errc::abandoned if this object is
  /// destroyed during the wait.
  [[nodiscard]] Task<ExitStatus> exited();

  /// Runs the loop until the child has ended, and returns the returncode. Throws
  /// CalledProcessError if that is not 0, unless `raise_error` is false. Throws
  /// Errc::status_taken, or Errc::timed_out while the child runs on. In a callback of
  /// the loop it throws Errc::loop_running: use set_exit_callback there.
  int wait_for_exit(bool raise_error = true, std::optional<Delay> timeout = {});

  /// Empty until the loop has seen the end, and if the status was taken.
  [[nodiscard]] std::optional<int> returncode() const noexcept;

  /// True if the child got the signal. False once the child has been reaped, so that
  /// the signal never reaches another process.
  bool send_signal(int signal);
  bool terminate();
  bool kill();

  /// Writes `input`, closes in(), reads out() and err() to their ends, and waits for
  /// the end of the child. Runs the loop for that time. A child need not read all of
  /// its input. After CommunicateTimeout the child runs on: another call, without
  /// input, continues, and no output is lost. Otherwise it may be called only once.
  Communicated communicate(std::string input = {}, CommunicateOptions options = {});
  /// The same for a task. After a cancellation another call continues.
  [[nodiscard]] Task<Communicated> communicated(std::string input = {},
                                                CommunicateOptions options = {});
  /// The same by a callback, which the loop calls at the end.
  void communicate(std::string input, CommunicateCallback callback,
                   Delay after_exit = CommunicateOptions().after_exit);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
