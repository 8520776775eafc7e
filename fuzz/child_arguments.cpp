// SPDX-License-Identifier: Apache-2.0
// The command line of a child on Windows, beside a model of those who cut it.
#include <system_error>

#include "fuzz/check.h"
#include "fuzz/input.h"
#include "process/command_line.h"
#include "test/unit/process/command_line_model.h"

namespace tornado::fuzz {
namespace {

void round_trip(const std::vector<std::string>& argv) {
  using test::TwoQuotes;
  const std::string line = join_command_line(argv);
  FUZZ_CHECK(test::cut_command_line(line, TwoQuotes::stay) == argv);
  FUZZ_CHECK(test::cut_command_line(line, TwoQuotes::leave) == argv);
}

bool can_be_said(const std::vector<std::string>& argv) {
  for (const std::string& argument : argv) {
    if (argument.find('\0') != std::string::npos) return false;
  }
  return argv.front().find('"') == std::string::npos;
}

}  // namespace
}  // namespace tornado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tornado::fuzz;
  Input input(data, size);
  std::vector<std::string> argv = {input.text(16)};
  while (!input.empty()) argv.push_back(input.text(64));
  bool refused = false;
  try {
    round_trip(argv);
  } catch (const std::system_error&) {
    refused = true;
  }
  FUZZ_CHECK(refused == !can_be_said(argv));
  return 0;
}
