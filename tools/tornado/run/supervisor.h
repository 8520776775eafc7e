// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/pump.h"
#include "run/writer.h"
#include "tornado/tornado.h"

namespace tornado::cli {

/// A command that is to run.
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

/// Runs jobs side by side on one loop, until all have ended.
class Supervisor {
 public:
  Supervisor(std::vector<Job> jobs, const SupervisorOptions& options);

  /// The exit status: see the command's notes.
  int run();

 private:
  struct Worker {
    Job job;
    Label label;
    std::optional<Subprocess> child = {};
    TimePoint started = {};
    unsigned restarts = 0;
    std::chrono::nanoseconds delay = {};
    std::optional<TimeoutHandle> restart_timer = {};
    bool asked_to_stop = false;

    [[nodiscard]] bool running() const { return child && !child->returncode(); }
    [[nodiscard]] bool over() const { return !running() && !restart_timer; }
  };

  void watch_signals();
  void start_all();
  void start(Worker& worker);
  void on_exit(Worker& worker, ExitStatus status);
  void on_failure(Worker& worker, int status);
  [[nodiscard]] bool try_again(Worker& worker, bool failed);
  void on_signal(int signal);
  void on_write_failure(const std::string& why);
  /// Ends the jobs one after the other, the last one first.
  void stop(int status);
  void stop_next();
  void kill_all();
  void signal_group(const Worker& worker, int signal);
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
  bool stopping_ = false;
  bool interrupted_ = false;
  bool ended_ = false;
};

}  // namespace tornado::cli
