// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include "proof/models/explored_atomics.h"
#include "support/child.h"
#include "support/scale.h"

namespace tornado::test {

inline rl::test_params at_random(std::uint64_t executions) {
  rl::test_params params;
  params.search_type = rl::random_scheduler_type;
  params.iteration_count = executions;
  return params;
}

/// Every execution with at most so many switches between threads that can go on.
inline rl::test_params in_full(unsigned switches) {
  rl::test_params params;
  params.search_type = rl::fair_context_bound_scheduler_type;
  params.context_bound = switches;
  return params;
}

/// Holds the text, and never allocates: the checker has its own operator new
/// while it searches, and another one before and after.
class Notes : public std::streambuf {
 public:
  Notes() { setp(text_.data(), text_.data() + text_.size()); }
  std::string text() const { return {pbase(), pptr()}; }

 private:
  std::vector<char> text_ = std::vector<char>(std::size_t{1} << 18);
};

struct Finding {
  std::string fault;  ///< "SUCCESS": none
  std::uint64_t executions = 0;
  std::string trace;
};

/// In a process of its own: what a found fault leaves behind would disturb the next
/// search.
template <class Suite>
Finding search(rl::test_params params, const Mutant* fault = nullptr) {
  const auto child = run_in_child(
      [&] {
        mutant = fault;
        Notes notes;
        std::ostream trace(&notes);
        params.output_stream = &trace;
        params.progress_stream = &trace;
        params.progress_output_period = ~0u;
        rl::simulate<Suite>(params);
        std::ostringstream result;
        result << rl::test_result_str(params.test_result) << '\n'
               << params.stop_iteration << '\n'
               << notes.text();
        return result.str();
      },
      std::chrono::minutes(10));
  Finding finding;
  std::istringstream lines(child.output);
  std::getline(lines, finding.fault);
  lines >> finding.executions;
  finding.trace = lines.str();
  return finding;
}

template <class Suite>
void expect_no_fault(const char* name, const rl::test_params& params) {
  const Finding found = search<Suite>(params);
  EXPECT_EQ(found.fault, "SUCCESS") << found.trace;
  std::printf("%-44s %9llu executions, no fault\n", name,
              static_cast<unsigned long long>(found.executions));
}

template <class Suite>
void expect_caught(const Mutant& fault, const rl::test_params& params) {
  const Finding found = search<Suite>(params, &fault);
  EXPECT_NE(found.fault, "SUCCESS") << fault.name;
  EXPECT_NE(found.fault, "") << fault.name;
  std::printf("%-44s %9llu executions, %s\n", fault.name,
              static_cast<unsigned long long>(found.executions + 1),
              found.fault.c_str());
}

}  // namespace tornado::test
