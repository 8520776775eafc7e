// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Several processes that run the same program. Not on Windows, which has no fork.

#include <chrono>
#include <csignal>
#include <optional>

#include "tornado/callback.h"
#include "tornado/native.h"
#include "tornado/time.h"

#if !defined(TORNADO_HAS_FORK)
#error "tornado/fork_processes.h: this system has no fork"
#endif

namespace tornado {

struct ForkOptions {
  /// How many restarts of all workers together the parent allows.
  int max_restarts = 100;
  /// The delay before the second restart of a worker. It doubles with each restart, up
  /// to `max_backoff`. A worker that has run for `max_backoff` starts again from the
  /// first restart, which has no delay.
  Delay backoff = std::chrono::milliseconds(100);
  Delay max_backoff = std::chrono::seconds(10);
  /// The time between a stop signal and SIGKILL for the workers that still run.
  Delay grace = std::chrono::seconds(10);
  /// The signal for a worker when the thread that called fork_processes has ended, for
  /// any reason. 0 turns it off. Throws std::errc::invalid_argument for a number that
  /// is no signal.
  int parent_death_signal = SIGKILL;
  /// Called in each worker, with its task id. Seed random generators here: each worker
  /// has a copy in the same state.
  UniqueFunction<void(int)> after_fork = {};
};

struct ForkResult {
  /// In a worker: 0 to n-1, the same after a restart. Empty in the parent.
  std::optional<int> task_id = {};
  /// In the parent: the signal that stopped the workers, or 0 if every worker exited
  /// with status 0.
  int signal = 0;
};

/// Forks `count` workers, or cpu_count() workers for a count of 0 or less. Returns at
/// once in each worker. Returns in the parent when all workers have ended:
///
///   if (ForkResult forked = fork_processes(4); !forked.task_id) return forked.signal;
///
/// A worker that dies of a signal, or exits with another status than 0, starts again
/// under its id. A fork that fails counts as a restart. After max_restarts the parent
/// stops the other workers, and throws Errc::too_many_restarts.
///
/// The parent sends SIGTERM, SIGINT and SIGHUP on to all workers, unless it ignores the
/// signal. From then on no worker starts again, and after `grace` the parent kills the
/// workers that still run. A terminal sends Ctrl-C to the workers itself, and the
/// parent does not repeat it. The parent and each worker get back the earlier
/// dispositions.
///
/// Before each fork it flushes the streams of C stdio, std::cout and std::clog. No
/// worker then writes the parent's output again. No other thread may then wait for
/// input of C stdio, as the flush would wait for that thread.
///
/// Workers share the parent's open descriptors, such as a listening socket. Make loops
/// afterwards. Throws Errc::loop_running if this process has an open loop;
/// Errc::status_taken if SIGCHLD is ignored; std::errc::operation_not_permitted within
/// a worker. It changes neither SIGCHLD nor other children.
TORNADO_API ForkResult fork_processes(int count, ForkOptions options = {});

/// The id of this worker. Empty in a process that fork_processes did not make.
[[nodiscard]] TORNADO_API std::optional<int> task_id() noexcept;

/// How many processors this process may use: at least 1. The affinity mask counts, and
/// the quotas of its control groups, rounded up.
[[nodiscard]] TORNADO_API int cpu_count();

}  // namespace tornado
