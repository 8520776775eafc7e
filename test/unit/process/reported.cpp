// SPDX-License-Identifier: Apache-2.0
#include "process/reported.h"

#include <sstream>
#include <stdexcept>

#include "support/wait.h"
#include "tornado/platform.h"

namespace tornado::test {

const char* child_reporter_path() {
  return CHILD_REPORTER;
}

std::vector<int> Reported::numbers() const {
  std::vector<int> result;
  for (const Descriptor& descriptor : descriptors) result.push_back(descriptor.fd);
  return result;
}

RunningReporter::RunningReporter(SpawnOptions options, int report_to) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.second.get(), false);
  options.argv.insert(options.argv.begin(),
                      {child_reporter_path(), std::to_string(report_to)});
  options.descriptors.push_back({report_to, pipe.second.get()});
  child_ = spawn(options);
  pipe_ = std::move(pipe.first);
}

Reported RunningReporter::finish() {
  std::istringstream text(read_to_end(pipe_.get()));
  if (wait_child(child_) != 0) throw std::runtime_error("the reporter failed");
  Reported result;
  std::string line;
  while (std::getline(text, line)) {
    const std::string key = line.substr(0, line.find(' '));
    const std::string value = line.substr(line.find(' ') + 1);
    if (key == "fd") {
      result.descriptors.push_back(from_line(value));
    } else if (key == "arg") {
      result.arguments.push_back(value);
    } else if (key == "env") {
      result.environment[value.substr(0, value.find('='))] =
          value.substr(value.find('=') + 1);
    } else {
      result.values[key] = value;
    }
  }
  return result;
}

Reported report_of(const SpawnOptions& options, int report_to) {
  return RunningReporter(options, report_to).finish();
}

LaunchMeans shown_means() {
  Child child = spawn({.argv = {"true"}});
  wait_child(child);
  return launch_means();
}

}  // namespace tornado::test
