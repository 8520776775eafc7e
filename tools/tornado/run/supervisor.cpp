// SPDX-License-Identifier: Apache-2.0
#include "run/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <ranges>
#include <system_error>

#include "command.h"
#include "run/shell_line.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

constexpr std::chrono::seconds healthy{30};           // a run that resets the delay
constexpr std::chrono::seconds to_write_the_rest{3};  // at least, once interrupted
constexpr std::chrono::seconds to_die{5};             // after SIGKILL
// The end of most processes raises SIGCHLD here. Polling finds the others: processes
// with a living parent, and all where no process can adopt orphans.
constexpr std::chrono::milliseconds between_looks{100};

bool ignored(int signal) {
  struct sigaction action = {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

int as_exit_status(ExitStatus status) {
  if (status.error) return exit_broken;
  return status.returncode < 0 ? 128 - status.returncode : status.returncode;
}

std::string in_words(ExitStatus status) {
  if (status.error) return "ended: " + status.error.message();
  if (status.returncode >= 0) {
    return fmt::format("exited with status {}", status.returncode);
  }
  return fmt::format("killed by signal {} ({})", -status.returncode,
                     ::strsignal(-status.returncode));
}

// A mask is inherited, and the caller may have blocked the signal.
void unblock(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int status_of_failed_spawn(const std::error_code& error) {
  const bool missing = error == std::errc::no_such_file_or_directory ||
                       error == std::errc::not_a_directory;
  return missing ? 127 : 126;
}

}  // namespace

Supervisor::Supervisor(std::vector<Job> jobs, const SupervisorOptions& options)
    : options_(options),
      writer_(loop_.handle(),
              {[this] {
                 pump_.resume();
                 if (ended_) loop_.stop();
               },
               [this](const std::string& why) { on_write_failure(why); }}),
      pump_(loop_, writer_, options.style) {
  std::size_t width = 0;
  for (const Job& job : jobs) width = std::max(width, job.name.size());
  for (Job& job : jobs) {
    const auto number = static_cast<unsigned>(workers_.size());
    Label label = {fmt::format("{:{}}", job.name, width), number};
    workers_.push_back(std::make_unique<Worker>(
        Worker{.job = std::move(job), .label = std::move(label)}));
  }
}

int Supervisor::run() {
  // Ignored, as it may be inherited, it would keep the ends of children from us.
  ::signal(SIGCHLD, SIG_DFL);
  adopt_orphans();
  watch_signals();
  start_all();
  loop_.start();
  if (write_error_ && !write_error_->empty()) {
    throw std::runtime_error(*write_error_);
  }
  return status_.value_or(exit_ok);
}

void Supervisor::watch_signals() {
  loop_.add_signal_handler(SIGCHLD, [this](int) { on_child_signal(); });
  unblock(SIGCHLD);
  for (const int signal :
       {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT}) {
    if (ignored(signal)) continue;
    loop_.add_signal_handler(signal, [this](int caught) { on_signal(caught); });
    unblock(signal);
  }
}

void Supervisor::start_all() {
  for (const auto& worker : workers_) {
    if (!stopping_) start(*worker);
  }
}

/// Commands expect that a write waits.
static FdPair pipe_for_output() {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.second.get(), false);
  return pipe;
}

void Supervisor::start(Worker& worker) {
  worker.restart_timer.reset();
  worker.asked_to_stop = false;
  worker.started = Clock::now();
  SpawnOptions options = {.argv = worker.job.argv,
                          .shell = with_exec(worker.job.shell)};
  options.in = Stdio::null();
  options.process_group = 0;
  options.parent_death_signal = SIGKILL;
  FdPair out;
  FdPair err;
  try {
    out = pipe_for_output();
    err = pipe_for_output();
    options.out = Stdio::descriptor(out.second.get());
    options.err = Stdio::descriptor(err.second.get());
    worker.child.emplace(options, loop_);
  } catch (const std::system_error& error) {
    worker.phase = Phase::over;
    say(worker, error.what());
    on_failure(worker, status_of_failed_spawn(error.code()));
    return;
  }
  worker.phase = Phase::running;
  say(worker, fmt::format("started, process {}", worker.child->pid()));
  pump_.add(std::move(out.first), STDOUT_FILENO, worker.label);
  pump_.add(std::move(err.first), STDERR_FILENO, worker.label);
  worker.child->set_exit_callback(
      [this, &worker](ExitStatus status) { on_exit(worker, status); });
}

void Supervisor::on_exit(Worker& worker, ExitStatus status) {
  say(worker, in_words(status));
  worker.status = status;
  if (worker.phase == Phase::over) return;  // it was given up
  worker.phase = Phase::leaving;
  look_at_groups();
  if (worker.phase != Phase::leaving || worker.asked_to_stop) return;
  // Processes that the command has just killed are about to end.
  worker.kill_timer =
      Timeout(loop_, between_looks, [this, &worker] { stop_the_rest(worker); });
}

void Supervisor::stop_the_rest(Worker& worker) {
  worker.kill_timer.reset();
  say(worker, "has left processes behind, stopping them");
  ask_to_stop(worker);
}

void Supervisor::finished(Worker& worker) {
  worker.kill_timer.reset();
  worker.phase = Phase::over;
  if (stopping_) {
    stop_next();
  } else if (const int number = as_exit_status(worker.status)) {
    on_failure(worker, number);
  } else if (!try_again(worker, false)) {
    end_if_over();
  }
}

void Supervisor::on_failure(Worker& worker, int status) {
  if (try_again(worker, true)) return;
  if (!status_) status_ = status;
  if (options_.keep_going) {
    end_if_over();
  } else {
    stop(status);
  }
}

bool Supervisor::try_again(Worker& worker, bool failed) {
  if (options_.restart == Restart::never) return false;
  if (options_.restart == Restart::on_failure && !failed) return false;
  if (Clock::now() - worker.started >= healthy) {
    worker.restarts = 0;
    worker.delay = {};
  }
  if (options_.max_restarts && worker.restarts >= *options_.max_restarts) {
    say(worker, fmt::format("restarted {} times, not again", worker.restarts));
    return false;
  }
  ++worker.restarts;
  worker.delay = next_delay(worker.delay, options_.backoff);
  say(worker, "starts again in " + short_time(worker.delay));
  worker.phase = Phase::waiting;
  worker.restart_timer =
      Timeout(loop_, worker.delay, [this, &worker] { start(worker); });
  return true;
}

void Supervisor::on_signal(int signal) {
  if (signal == SIGTSTP) return suspend();
  if (signal != SIGINT && signal != SIGTERM) return send_to_all(signal);
  // The reader of the output has gone, and the user wants to go.
  if (ended_) std::_Exit(status_.value_or(128 + signal));
  if (std::exchange(interrupted_, true)) {
    kill_all();
  } else {
    stop(128 + signal);
  }
}

void Supervisor::on_child_signal() {
  for (const auto& worker : workers_) {
    if (worker->phase != Phase::running) continue;
    if (const auto signal = take_stop(worker->child->pid())) {
      report_stop(*worker, *signal);
    }
  }
  look_at_groups();
}

void Supervisor::report_stop(const Worker& worker, int signal) {
  if (signal == SIGTSTP) return;  // by Ctrl-Z, which stops all
  const char* why =
      signal == SIGTTIN   ? ": it reads the terminal, which run keeps from it"
      : signal == SIGTTOU ? ": it controls the terminal, which run keeps from it"
                          : "";
  say(worker,
      fmt::format("stopped by signal {} ({}){}", signal, ::strsignal(signal), why));
}

// Stops this process as the default action of SIGTSTP does, and the commands with it.
void Supervisor::suspend() {
  send_to_all(SIGTSTP);
  struct sigaction plain = {};
  struct sigaction before = {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &plain, &before);
  ::raise(SIGTSTP);
  // Continued, or never stopped: a shell without job control leaves it running.
  ::sigaction(SIGTSTP, &before, nullptr);
  send_to_all(SIGCONT);
}

// Finds the groups that have become empty. A group that keeps a process is looked at
// again: the kernel gives its number to others only once it is empty.
void Supervisor::look_at_groups() {
  reap_orphans([this](pid_t pid) {
    return std::ranges::any_of(workers_, [pid](const auto& worker) {
      return worker->has_leader() && worker->child->pid() == pid;
    });
  });
  bool waits = false;
  for (const auto& worker : workers_) {
    if (worker->phase != Phase::leaving) continue;
    if (send(*worker, 0) == Delivery::no_process) {
      finished(*worker);
    } else {
      waits = true;
    }
  }
  if (!waits || group_timer_) return;
  group_timer_ = Timeout(loop_, between_looks, [this] {
    group_timer_.reset();
    look_at_groups();
  });
}

void Supervisor::on_write_failure(const std::string& why) {
  write_error_ = why;
  stop(128 + SIGPIPE);
}

void Supervisor::stop(int status) {
  if (!status_) status_ = status;
  if (std::exchange(stopping_, true)) return;
  for (const auto& worker : workers_) {
    if (worker->phase != Phase::waiting) continue;
    worker->restart_timer.reset();
    worker->phase = Phase::over;
  }
  stop_next();
}

void Supervisor::stop_next() {
  for (const auto& worker : workers_ | std::views::reverse) {
    if (!worker->alive()) continue;
    if (worker->asked_to_stop) return;
    say(*worker, "stopping");
    ask_to_stop(*worker);
    return;
  }
  end_if_over();
}

void Supervisor::ask_to_stop(Worker& worker) {
  worker.asked_to_stop = true;
  worker.kill_timer.reset();
  if (send(worker, SIGTERM) == Delivery::forbidden) {
    return give_up(worker, "cannot be stopped: Operation not permitted; left running");
  }
  send(worker, SIGCONT);
  worker.kill_timer = Timeout(loop_, options_.grace, [this, &worker] {
    worker.kill_timer.reset();
    if (kill(worker)) {
      say(worker,
          fmt::format("does not end within {}, killed", short_time(options_.grace)));
    }
  });
}

bool Supervisor::kill(Worker& worker) {
  worker.asked_to_stop = true;
  worker.kill_timer.reset();
  if (send(worker, SIGKILL) == Delivery::forbidden) {
    give_up(worker, "cannot be killed: Operation not permitted; left running");
    return false;
  }
  worker.kill_timer = Timeout(loop_, to_die, [this, &worker] {
    worker.kill_timer.reset();
    give_up(worker, "is still there after SIGKILL; left alone");
  });
  return true;
}

void Supervisor::kill_all() {
  for (const auto& worker : workers_) {
    if (worker->alive()) (void)kill(*worker);
  }
}

void Supervisor::give_up(Worker& worker, std::string_view why) {
  say(worker, why);
  finished(worker);
}

// Until the loop has reaped the leader its number is the group's own.
Delivery Supervisor::send(const Worker& worker, int signal) {
  return worker.alive() ? signal_group(worker.child->pid(), signal)
                        : Delivery::no_process;
}

void Supervisor::send_to_all(int signal) {
  for (const auto& worker : workers_) send(*worker, signal);
}

void Supervisor::end_if_over() {
  const bool over = std::ranges::all_of(
      workers_, [](const auto& worker) { return worker->phase == Phase::over; });
  if (over && !ended_) end();
}

void Supervisor::end() {
  ended_ = true;
  pump_.finish();
  if (writer_.idle()) {
    loop_.stop();
  } else if (interrupted_) {
    // A busy machine needs time to write the last messages.
    loop_.call_later(
        std::max<std::chrono::nanoseconds>(options_.grace, to_write_the_rest),
        [this] { std::_Exit(*status_); });
  }
}

void Supervisor::say(const Worker& worker, std::string_view text) {
  if (!options_.quiet) pump_.say(worker.label, text);
}

}  // namespace tornado::cli
