// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A command of `tornado`. The file of each command describes it in these terms, and
/// knows nothing of how the command line is read.

#include <functional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "text/output.h"

namespace tornado::cli {

/// The exit statuses of every command.
enum Exit : int {
  exit_ok = 0,
  exit_broken = 1,        ///< the answer is no: something did not hold or work
  exit_usage = 2,         ///< bad input, or the command itself could not do its work
  exit_interrupted = 130  ///< Ctrl-C, as shells report it
};

/// Bad input. The text names the option and the value.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The common part of every command's input.
struct Context {
  Output& out;
  bool json;
  bool quiet;
  ColorChoice color;  ///< for other outputs than `out`
};

struct Option {
  std::string name;   ///< "--seconds"
  std::string value;  ///< the value's name in the help; empty for a flag
  std::string help;
  std::variant<bool*, std::string*> target;
};

struct Example {
  std::string line;
  std::string help;
};

struct Command {
  std::string name;
  std::string summary;
  std::vector<std::string> usage;  ///< one line for each form
  std::vector<Example> examples;
  std::vector<Option> options;  ///< besides the options of all commands
  std::string json_help;        ///< empty: the command has no --json
  std::string quiet_help;
  std::string notes;                                 ///< the end of the help
  std::vector<std::string>* words = nullptr;         ///< arguments without dashes
  std::vector<std::string>* after_dashes = nullptr;  ///< a command to run, behind "--"
  std::function<int(const Context&)> run;
};

Command demo_command();
Command doctor_command();
Command fds_command();
Command run_command();

/// All of them, in the order of the help.
inline std::vector<Command> commands() {
  return {doctor_command(), demo_command(), fds_command(), run_command()};
}

}  // namespace tornado::cli
