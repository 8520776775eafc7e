// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/descriptors.h"

namespace tornado::test {

/// The program that tells what it inherited; see descriptor_reporter.cpp.
const char* reporter_path();

struct Report {
  std::vector<Descriptor> descriptors;
  int write_errno = 0;  ///< of the write that was asked for, 0 if it succeeded
};

struct Write {
  int fd;
  std::string text;
};

/// Forks, runs `before_exec` in the child, executes the reporter there, and gives back
/// what it says. The descriptor it reports on is left out of the report. Throws if the
/// child fails.
Report execute_reporter(const std::function<void()>& before_exec = {},
                        const std::optional<Write>& write = {});

/// Not where another program has to run those of this build, and children do not get
/// it.
bool reporter_runs();

/// What the reporter wrote, parsed, for those who start it themselves.
Report parse_report(const std::string& text);

}  // namespace tornado::test

#define TORNADO_SKIP_UNLESS_REPORTER_RUNS() \
  if (!tornado::test::reporter_runs())      \
  GTEST_SKIP() << "the kernel does not execute a program of this build"
