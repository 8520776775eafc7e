// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A child whose streams and end are watched by a loop.

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

/// Thrown by wait_for_exit for a returncode other than 0.
class TORNADO_API CalledProcessError : public std::runtime_error {
 public:
  CalledProcessError(int pid, int returncode);
  [[nodiscard]] int returncode() const noexcept { return returncode_; }

 private:
  int returncode_;
};

/// What a child wrote into its pipes, and how it ended.
struct Communicated {
  std::string out = {};
  std::string err = {};
  ExitStatus status = {};
};

/// Belongs to the thread of its loop, as the loop's handlers do, and needs no handler
/// of SIGCHLD; other children of the program are left alone.
///
/// Destroying one closes its pipes and forgets its callbacks. It neither kills nor
/// awaits the child, which is still reaped: by the loop, or, once the loop is closed,
/// by a thread that sleeps until then; if none can be had, by a spawn later on.
class TORNADO_API Subprocess {
 public:
  using ExitCallback = UniqueFunction<void(ExitStatus)>;
  using CommunicateCallback = UniqueFunction<void(Communicated)>;

  /// For in, out and err: a pipe to this process. "out = Subprocess::STREAM"
  static inline const Stdio STREAM = Stdio::pipe();

  /// Spawns; throws what spawn throws, and then nothing is left behind. On the current
  /// loop, or on `loop`.
  explicit Subprocess(const SpawnOptions& options);
  Subprocess(const SpawnOptions& options, IOLoop& loop);
  Subprocess(Subprocess&&) noexcept;
  Subprocess& operator=(Subprocess&&) noexcept;
  ~Subprocess();

  [[nodiscard]] int pid() const noexcept;

  /// This process's ends of the pipes: non-blocking; empty if the stream is none. A
  /// write into in() when the child no longer reads raises SIGPIPE, as any pipe does.
  /// While communicate() is under way it owns them.
  [[nodiscard]] UniqueFd& in() noexcept;
  [[nodiscard]] UniqueFd& out() noexcept;
  [[nodiscard]] UniqueFd& err() noexcept;

  /// Called on the loop, once, when the child has ended, also if it has already.
  /// Replaces the one before.
  void set_exit_callback(ExitCallback callback);

  /// Waits in a task until the child has ended. Replaces the exit callback. A cancelled
  /// task leaves the child alone. Errc::abandoned if this is destroyed meanwhile.
  [[nodiscard]] Task<ExitStatus> exited();

  /// Runs the loop until the child has ended, and gives the returncode. Throws
  /// CalledProcessError if that is not 0, unless `raise_error` is false;
  /// Errc::status_taken; Errc::timed_out, and the child runs on. From a callback of the
  /// loop: Errc::loop_running; use set_exit_callback there.
  int wait_for_exit(bool raise_error = true, std::optional<Delay> timeout = {});

  /// Nothing before the loop has seen the end, or if the status was taken.
  [[nodiscard]] std::optional<int> returncode() const noexcept;

  /// True if the child was there to get it. Never reaches a stranger: false once the
  /// child has been reaped.
  bool send_signal(int signal);
  bool terminate();
  bool kill();

  /// Runs the loop while it writes `input` and closes in(), reads out() and err() to
  /// their ends, and awaits the end of the child. A child that does not read all of its
  /// input is no error. Errc::timed_out: the child runs on, nothing is lost, and a
  /// further call, without input, goes on. May be called once else.
  Communicated communicate(std::string input = {}, std::optional<Delay> timeout = {});
  /// The same for callbacks of the loop.
  void communicate(std::string input, CommunicateCallback callback);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
