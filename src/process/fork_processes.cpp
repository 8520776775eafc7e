// SPDX-License-Identifier: Apache-2.0
#include "process/fork_processes.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "loop/loop_core.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "process/stop_signals.h"
#include "tornado/error.h"
#include "tornado/fork_processes.h"

namespace tornado {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

std::optional<int> own_task_id;

TimePoint now() noexcept {
  return Clock::now();
}

void flush_streams() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
}

// One task, and the process that does it now.
struct Worker {
  enum class State { running, waiting, done };

  int id;
  State state = State::waiting;
  ForkedWorker process = {};
  TimePoint start_at = {};  // when waiting
  TimePoint started = {};   // when running
  nanoseconds backoff{0};

  [[nodiscard]] bool running() const { return state == State::running; }
  [[nodiscard]] std::string name() const {
    return "child " + std::to_string(id) + " (pid " + std::to_string(process.pid) + ")";
  }
};

class Supervisor {
 public:
  Supervisor(int count, ForkOptions options)
      : options_(std::move(options)), restarts_left_(options_.max_restarts) {
    for (int id = 0; id < count; ++id) workers_.push_back({id});
  }
  // Only after an exception; and never in a worker, whose siblings these are.
  ~Supervisor() {
    if (::getpid() == owner_) kill_all();
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  ForkResult run() {
    for (Worker& worker : workers_) {
      if (fork(worker)) return in_worker(worker.id);
    }
    for (;;) {
      reap_ended();
      take_signals();
      if (kill_at_ && now() >= *kill_at_) kill_all();
      for (Worker& worker : workers_) {
        if (is_due(worker) && try_fork(worker)) return in_worker(worker.id);
      }
      if (all_done()) break;
      wait();
    }
    if (gave_up_) throw_error(Errc::too_many_restarts, "fork_processes");
    return {{}, stop_signal_};
  }

 private:
  // True in the new process. What is not written yet would be written by both.
  bool fork(Worker& worker) {
    flush_streams();
    worker.process = fork_worker(signals_, options_.parent_death_signal);
    worker.state = Worker::State::running;
    worker.started = now();
    return worker.process.pid == 0;
  }

  bool try_fork(Worker& worker) {
    try {
      return fork(worker);
    } catch (const std::system_error& error) {  // too many processes, for now
      log(LogLevel::warning,
          "child " + std::to_string(worker.id) + ": " + error.what());
      schedule_restart(worker);
      return false;
    }
  }

  ForkResult in_worker(int id) {
    own_task_id = id;
    if (options_.after_fork) options_.after_fork(id);
    return {id, 0};
  }

  static bool is_due(const Worker& worker) {
    return worker.state == Worker::State::waiting && worker.start_at <= now();
  }

  [[nodiscard]] bool all_done() const {
    return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
      return worker.state == Worker::State::done;
    });
  }

  void reap_ended() {
    for (Worker& worker : workers_) {
      if (!worker.running()) continue;
      const auto status =
          reap(worker.process.pid, worker.process.process.get(), WaitFor::nothing);
      if (status) on_end(worker, *status);
    }
  }

  void on_end(Worker& worker, const ExitStatus& status) {
    const int code = status.returncode;
    const bool well = !status.error && code == 0;
    const std::string how = status.error ? " ended; " + status.error.message()
                            : code < 0   ? " killed by signal " + std::to_string(-code)
                            : well       ? std::string(" exited normally")
                                   : " exited with status " + std::to_string(code);
    const bool restart = !well && !stopping();
    log(well ? LogLevel::info : LogLevel::warning,
        worker.name() + how + (restart ? ", restarting" : ""));
    worker.process = {};
    worker.state = Worker::State::done;
    if (!restart) return;
    if (now() - worker.started >= options_.max_backoff.get()) worker.backoff = {};
    schedule_restart(worker);
  }

  void schedule_restart(Worker& worker) {
    if (restarts_left_-- <= 0) {
      log(LogLevel::error, "Too many child restarts, giving up");
      gave_up_ = true;
      stop(SIGTERM, false);
      return;
    }
    worker.state = Worker::State::waiting;
    put_off(worker);
  }

  // At once, then after `backoff`, then twice as long each time.
  void put_off(Worker& worker) {
    worker.start_at = Delay(worker.backoff).after(now());
    const nanoseconds longest = options_.max_backoff.get();
    const nanoseconds next =
        worker.backoff > longest / 2 ? longest : worker.backoff * 2;
    worker.backoff =
        std::clamp(next, std::min(options_.backoff.get(), longest), longest);
  }

  [[nodiscard]] bool stopping() const { return stop_signal_ != 0 || gave_up_; }

  void take_signals() {
    while (const auto arrival = signals_.next()) {
      stop_signal_ = arrival->signal;
      stop(arrival->signal, arrival->from_terminal);
    }
  }

  void stop(int signal, bool group_has_it) {
    if (!kill_at_) kill_at_ = options_.grace.after(now());
    for (Worker& worker : workers_) {
      if (worker.state == Worker::State::waiting) worker.state = Worker::State::done;
      if (!worker.running()) continue;
      if (group_has_it && ::getpgid(worker.process.pid) == ::getpgrp()) continue;
      (void)signal_child(worker.process.pid, worker.process.process.get(), signal);
    }
  }

  void kill_all() noexcept {
    const char* what = kill_at_ ? " does not stop, killed" : " killed";
    kill_at_.reset();
    for (Worker& worker : workers_) {
      if (!worker.running()) continue;
      try {
        log(LogLevel::warning, worker.name() + what);
      } catch (const std::bad_alloc&) {  // unsaid, then
      }
      try {
        (void)signal_child(worker.process.pid, worker.process.process.get(), SIGKILL);
      } catch (const std::exception&) {  // the worker runs as another user
        worker.state = Worker::State::done;
        continue;
      }
      (void)reap(worker.process.pid, worker.process.process.get(), WaitFor::end);
      worker.state = Worker::State::done;
    }
  }

  // Until a worker ends, a signal comes, or something is due.
  void wait() {
    std::vector<pollfd> fds = {{signals_.fileno(), POLLIN, 0}};
    TimePoint until = kill_at_.value_or((TimePoint::max)());
    for (const Worker& worker : workers_) {
      if (worker.state == Worker::State::waiting) {
        until = std::min(until, worker.start_at);
      } else if (worker.running() && worker.process.process) {
        fds.push_back({worker.process.process.get(), POLLIN, 0});
      } else if (worker.running()) {  // nothing tells of its end: look now and then
        until = std::min(until, now() + milliseconds(50));
      }
    }
    const auto rest = std::chrono::ceil<milliseconds>(until - now());
    const auto timeout = std::clamp(rest, milliseconds(0), milliseconds(60'000));
    ::poll(fds.data(), static_cast<nfds_t>(fds.size()),
           static_cast<int>(timeout.count()));
  }

  const int owner_ = ::getpid();
  ForkOptions options_;
  int restarts_left_;
  StopSignals signals_;
  std::vector<Worker> workers_;
  int stop_signal_ = 0;
  bool gave_up_ = false;
  std::optional<TimePoint> kill_at_;
};

void check_may_fork(const ForkOptions& options) {
  constexpr int last_signal = 64;
  if (options.parent_death_signal < 0 || options.parent_death_signal > last_signal) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "fork_processes: parent_death_signal " +
                    std::to_string(options.parent_death_signal) + " is no signal");
  }
  if (own_task_id) {
    throw_error(std::make_error_code(std::errc::operation_not_permitted),
                "fork_processes: called in a worker");
  }
  if (any_loop_open()) throw_error(Errc::loop_running, "fork_processes");
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) == -1) throw_errno("sigaction SIGCHLD");
  if (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT)) {
    throw_error(Errc::status_taken, "fork_processes: SIGCHLD is ignored");
  }
}

}  // namespace

ForkResult fork_processes(int count, ForkOptions options) {
  check_may_fork(options);
  if (count <= 0) count = cpu_count();
  log(LogLevel::info, "Starting " + std::to_string(count) + " processes");
  Supervisor supervisor(count, std::move(options));
  return supervisor.run();
}

std::optional<int> task_id() noexcept {
  return own_task_id;
}

}  // namespace tornado
