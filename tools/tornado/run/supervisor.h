// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/process_group.h"
#include "run/pump.h"
#include "run/writer.h"
#include "tornado/tornado.h"

namespace tornado::cli {

/// A command to run.
struct Job {
  std::string name;
  std::vector<std::string> argv = {};
  std::string shell = {};  ///< instead of argv
};

enum class Restart { never, on_failure, always };

struct SupervisorOptions {
  Restart restart = Restart::never;
  std::optional<unsigned> max_restarts = {};  ///< of each job
  std::chrono::nanoseconds backoff = std::chrono::milliseconds(500);
  std::chrono::nanoseconds grace = std::chrono::seconds(10);
  bool keep_going = false;
  bool quiet = false;
  LineStyle style = {};
};

/// The delay of the next restart: the first one, then twice the one before, up to 30
/// seconds. A longer first delay does not grow.
constexpr std::chrono::nanoseconds next_delay(std::chrono::nanoseconds before,
                                              std::chrono::nanoseconds first) {
  constexpr std::chrono::nanoseconds longest = std::chrono::seconds(30);
  if (before.count() == 0) return first;
  return std::min(2 * before, std::max(first, longest));
}

/// Runs jobs side by side on one loop, until all have ended.
class Supervisor {
 public:
  Supervisor(std::vector<Job> jobs, const SupervisorOptions& options);

  /// The exit status: see the command's notes.
  int run();

 private:
  enum class Phase {
    waiting,  ///< for its first start, or for a restart
    running,
    leaving,  ///< the command has ended, and others of its process group have not
    over
  };

  struct Worker {
    Job job;
    Label label;
    Phase phase = Phase::waiting;
    std::optional<Subprocess> child = {};
    ExitStatus status = {};
    TimePoint started = {};
    unsigned restarts = 0;
    std::chrono::nanoseconds delay = {};
    Timeout restart_timer = {};
    Timeout kill_timer = {};
    bool asked_to_stop = false;

    [[nodiscard]] bool has_leader() const { return child && !child->returncode(); }
    [[nodiscard]] bool alive() const {
      return phase == Phase::running || phase == Phase::leaving;
    }
  };

  void watch_signals();
  void start_all();
  void start(Worker& worker);
  void on_exit(Worker& worker, ExitStatus status);
  void stop_the_rest(Worker& worker);
  void finished(Worker& worker);
  void on_failure(Worker& worker, int status);
  [[nodiscard]] bool try_again(Worker& worker, bool failed);

  void on_signal(int signal);
  void on_child_signal();
  void report_stop(const Worker& worker, int signal);
  void suspend();
  void look_at_groups();
  void on_write_failure(const std::string& why);

  /// Ends the jobs one after the other, the last one first.
  void stop(int status);
  void stop_next();
  void ask_to_stop(Worker& worker);
  /// False if the system forbids it.
  bool kill(Worker& worker);
  void kill_all();
  void give_up(Worker& worker, std::string_view why);
  Delivery send(const Worker& worker, int signal);
  void send_to_all(int signal);
  void end_if_over();
  void end();
  void say(const Worker& worker, std::string_view text);

  const SupervisorOptions options_;
  IOLoop loop_;
  Writer writer_;
  Pump pump_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<int> status_;  // of the first failure, or of what stopped all
  std::optional<std::string> write_error_;
  Timeout group_timer_;
  bool stopping_ = false;
  bool interrupted_ = false;
  bool ended_ = false;
};

}  // namespace tornado::cli
