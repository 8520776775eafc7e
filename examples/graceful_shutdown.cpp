// SPDX-License-Identifier: Apache-2.0
// SIGTERM ends a service: jobs may finish until a deadline, and are then cancelled.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <system_error>

#include "tornado/gen.h"
#include "tornado/task_group.h"

using namespace std::chrono_literals;
using tornado::Task;

Task<> clean_up(std::string name) {
  co_await tornado::sleep(1ms);
  std::cout << name << " cleaned up" << std::endl;
}

Task<> job(std::string name, tornado::Delay time) {
  bool cancelled = false;
  try {
    co_await tornado::sleep(time);
    std::cout << name << " finished" << std::endl;
  } catch (const tornado::Cancelled&) {
    cancelled = true;
  }
  // In a cancelled task, only a shielded task can wait.
  if (cancelled) co_await tornado::shielded(clean_up(name));
}

Task<> all_of(tornado::TaskGroup& jobs) {
  co_await jobs.join();
}

Task<> serve() {
  tornado::TaskGroup jobs;
  jobs.start(job("short job", 20ms));
  jobs.start(job("long job", 1h));
  std::cout << "process " << ::getpid() << " works" << std::endl;
  const int number = co_await tornado::signal(SIGTERM);
  std::cout << "signal " << number << std::endl;
  try {
    co_await tornado::with_timeout(500ms, all_of(jobs));
  } catch (const std::system_error& error) {
    std::cout << "deadline: " << error.code().message() << std::endl;
  }
}

int main() {
  tornado::IOLoop loop;
  loop.run_sync(serve());
}
