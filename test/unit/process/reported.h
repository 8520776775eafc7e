// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "process/launch.h"
#include "support/descriptors.h"
#include "tornado/spawn.h"

namespace tornado::test {

/// The program that tells what it was given; see child_reporter.cpp.
const char* child_reporter_path();

/// What it told.
struct Reported {
  std::map<std::string, std::string> values;  // keys that occur once
  std::vector<Descriptor> descriptors;        // without the one it reported on
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;

  /// The numbers in `descriptors`.
  [[nodiscard]] std::vector<int> numbers() const;
};

/// A reporter that runs, and the pipe it reports on as descriptor `report_to`.
class RunningReporter {
 public:
  explicit RunningReporter(SpawnOptions options, int report_to = 9);
  /// Waits for it to end. Throws if it did not end well.
  Reported finish();
  [[nodiscard]] const Child& child() const { return child_; }

 private:
  UniqueFd pipe_;
  Child child_;
};

Reported report_of(const SpawnOptions& options, int report_to = 9);

/// How children are made here. Spawns one, which shows it.
LaunchMeans shown_means();

}  // namespace tornado::test
