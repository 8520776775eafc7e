// SPDX-License-Identifier: Apache-2.0
// Keeps children running: one that ends is started again, later each time. SIGTERM ends
// them all.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tornado/gen.h"
#include "tornado/subprocess.h"
#include "tornado/task_group.h"

using namespace std::chrono_literals;
using tornado::Task;

Task<> keep_running(std::vector<std::string> command) {
  for (auto pause = 10ms;; pause = std::min(pause * 2, 1000ms)) {
    tornado::SpawnOptions options;
    options.argv = command;
    tornado::Subprocess child(options);
    try {
      const tornado::ExitStatus status = co_await child.exited();
      std::cout << command.back() << " ended: " << status.returncode << std::endl;
    } catch (const tornado::Cancelled&) {
      child.terminate();
      throw;
    }
    co_await tornado::sleep(pause);
  }
}

Task<> supervise() {
  tornado::TaskGroup children;
  children.start(keep_running({"sh", "-c", "exit 3"}));
  children.start(keep_running({"sleep", "1000"}));
  (void)co_await tornado::signal(SIGTERM);
  children.cancel();
  co_await children.join();
  std::cout << "all have ended" << std::endl;
}

int main() {
  tornado::IOLoop loop;
  loop.run_sync(supervise());
}
