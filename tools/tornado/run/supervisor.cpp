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
#include "text/words.h"

namespace tornado::cli {
namespace {

constexpr std::chrono::seconds longest_delay{30};
constexpr std::chrono::seconds healthy{30};           // who ran so long begins anew
constexpr std::chrono::seconds to_write_the_rest{3};  // at least, once interrupted

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
  watch_signals();
  start_all();
  loop_.start();
  if (write_error_ && !write_error_->empty()) {
    throw std::runtime_error(*write_error_);
  }
  return status_.value_or(exit_ok);
}

void Supervisor::watch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
    if (ignored(signal)) continue;
    loop_.add_signal_handler(signal, [this](int caught) { on_signal(caught); });
  }
}

void Supervisor::start_all() {
  for (const auto& worker : workers_) {
    if (!stopping_) start(*worker);
  }
}

void Supervisor::start(Worker& worker) {
  worker.restart_timer.reset();
  worker.started = Clock::now();
  SpawnOptions options = {.argv = worker.job.argv, .shell = worker.job.shell};
  options.in = Stdio::null();
  options.out = options.err = Stdio::pipe();
  options.process_group = 0;
  options.parent_death_signal = SIGKILL;
  try {
    worker.child.emplace(options, loop_);
  } catch (const std::system_error& error) {
    say(worker, error.what());
    on_failure(worker, status_of_failed_spawn(error.code()));
    return;
  }
  say(worker, fmt::format("started, process {}", worker.child->pid()));
  pump_.add(std::move(worker.child->out()), STDOUT_FILENO, worker.label);
  pump_.add(std::move(worker.child->err()), STDERR_FILENO, worker.label);
  worker.child->set_exit_callback(
      [this, &worker](ExitStatus status) { on_exit(worker, status); });
}

void Supervisor::on_exit(Worker& worker, ExitStatus status) {
  say(worker, in_words(status));
  if (stopping_) {
    stop_next();
  } else if (const int number = as_exit_status(status)) {
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
  worker.delay = worker.delay.count() == 0 ? options_.backoff
                                           : std::min<std::chrono::nanoseconds>(
                                                 2 * worker.delay, longest_delay);
  say(worker, "starts again in " + short_time(worker.delay));
  worker.restart_timer =
      loop_.call_later(worker.delay, [this, &worker] { start(worker); });
  return true;
}

void Supervisor::on_signal(int signal) {
  if (signal != SIGINT && signal != SIGTERM) {
    for (const auto& worker : workers_) signal_group(*worker, signal);
    return;
  }
  // Nobody reads what is left, and somebody wants to go.
  if (ended_) std::_Exit(status_.value_or(128 + signal));
  if (std::exchange(interrupted_, true)) {
    kill_all();
  } else {
    stop(128 + signal);
  }
}

void Supervisor::on_write_failure(const std::string& why) {
  write_error_ = why;
  stop(128 + SIGPIPE);
}

void Supervisor::stop(int status) {
  if (!status_) status_ = status;
  if (std::exchange(stopping_, true)) return;
  for (const auto& worker : workers_) {
    if (worker->restart_timer) loop_.remove_timeout(*worker->restart_timer);
    worker->restart_timer.reset();
  }
  stop_next();
}

void Supervisor::stop_next() {
  for (const auto& worker : workers_ | std::views::reverse) {
    if (!worker->running()) continue;
    if (std::exchange(worker->asked_to_stop, true)) return;
    say(*worker, "stopping");
    signal_group(*worker, SIGTERM);
    signal_group(*worker, SIGCONT);
    loop_.call_later(options_.grace, [this, &worker = *worker] {
      if (!worker.running()) return;
      say(worker,
          fmt::format("does not end within {}, killed", short_time(options_.grace)));
      signal_group(worker, SIGKILL);
    });
    return;
  }
  end_if_over();
}

void Supervisor::kill_all() {
  for (const auto& worker : workers_) signal_group(*worker, SIGKILL);
}

// As long as the loop has not reaped the leader, its number is nobody else's.
void Supervisor::signal_group(const Worker& worker, int signal) {
  if (worker.running()) ::kill(-worker.child->pid(), signal);
}

void Supervisor::end_if_over() {
  const bool over =
      std::ranges::all_of(workers_, [](const auto& worker) { return worker->over(); });
  if (over && !ended_) end();
}

void Supervisor::end() {
  ended_ = true;
  pump_.finish();
  if (writer_.idle()) {
    loop_.stop();
  } else if (interrupted_) {
    // What is told last must not be lost because the machine is busy.
    loop_.call_later(
        std::max<std::chrono::nanoseconds>(options_.grace, to_write_the_rest),
        [this] { std::_Exit(*status_); });
  }
}

void Supervisor::say(const Worker& worker, std::string_view text) {
  if (!options_.quiet) pump_.say(worker.label, text);
}

}  // namespace tornado::cli
