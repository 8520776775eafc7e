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
  /// Restarts of all workers together, before the parent gives up.
  int max_restarts = 100;
  /// A worker that fails is restarted after this long; the next time after twice as
  /// long, until it has run for `max_backoff`. The first failure is free.
  Delay backoff = std::chrono::milliseconds(100);
  Delay max_backoff = std::chrono::seconds(10);
  /// Between a signal to stop and SIGKILL for the workers that still run.
  Delay grace = std::chrono::seconds(10);
  /// Sent to a worker when the parent's thread that called fork_processes is gone,
  /// whatever killed it. 0: nothing. Another number than a signal's:
  /// std::errc::invalid_argument.
  int parent_death_signal = SIGKILL;
  /// Called in each worker, with its task id: the place to seed random generators, of
  /// which each worker has a copy in the same state.
  UniqueFunction<void(int)> after_fork = {};
};

struct ForkResult {
  /// In a worker: 0 ... n-1, the same after a restart. Nothing in the parent.
  std::optional<int> task_id = {};
  /// In the parent: the signal that ended it all; 0 if every worker exited with 0.
  int signal = 0;
};

/// Forks `count` workers (0 or less: cpu_count()), in which it returns at once; in the
/// parent it returns when all is over:
///
///   if (ForkResult forked = fork_processes(4); !forked.task_id) return forked.signal;
///
/// A worker that exits with another status than 0, or dies of a signal, is started
/// again under its id; if that fails, it is tried again, and counts as often. After
/// max_restarts of these the others are stopped, and
/// Errc::too_many_restarts is thrown. SIGTERM, SIGINT and SIGHUP (unless ignored) that
/// the parent gets go to all workers, none of which is restarted from then on; what
/// still runs after `grace` is killed. A Ctrl-C reaches the workers from the terminal,
/// and is not sent twice. The dispositions of before are there again afterwards, and in
/// each worker.
///
/// Before each fork the streams of C stdio, std::cout and std::clog are flushed, so
/// that no worker writes again what the parent wrote. No other thread may wait for
/// input of C stdio at that time: the flush would wait for it.
///
/// Workers share what the parent had open, such as a listening socket. Loops come
/// after: if there is one, in this process, this throws Errc::loop_running, and
/// Errc::status_taken if SIGCHLD is ignored. Within a worker:
/// std::errc::operation_not_permitted. SIGCHLD and other children are left alone.
TORNADO_API ForkResult fork_processes(int count, ForkOptions options = {});

/// The worker's id; nothing in a process that fork_processes did not make.
[[nodiscard]] TORNADO_API std::optional<int> task_id() noexcept;

/// How many processors this process may use: those of its affinity mask, but no more
/// than the quotas of its control groups allow, rounded up. At least 1.
[[nodiscard]] TORNADO_API int cpu_count();

}  // namespace tornado
