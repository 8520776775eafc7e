// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Child processes whose streams and end a loop watches.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
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

  /// This process's ends of the pipes. They are non-blocking, and empty if the stream
  /// is no pipe. A write to in() raises SIGPIPE if the child no longer reads. While
  /// communicate() is under way, it owns them.
  [[nodiscard]] UniqueFd& in() noexcept;
  [[nodiscard]] UniqueFd& out() noexcept;
  [[nodiscard]] UniqueFd& err() noexcept;

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
  /// its input. On Errc::timed_out the child runs on: another call, without input,
  /// continues, and no output is lost. Otherwise it may be called only once.
  Communicated communicate(std::string input = {}, std::optional<Delay> timeout = {});
  /// The same without running the loop: the loop calls `callback` at the end.
  void communicate(std::string input, CommunicateCallback callback);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
