// SPDX-License-Identifier: Apache-2.0
#include "cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "command.h"
#include "system/machine.h"
#include "text/json.h"
#include "text/table.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

// The only file that includes CLI11, which is slow to compile. It parses; messages and
// help are ours.
struct Parsed {
  bool json = false;
  bool quiet = false;
  bool help = false;
  bool version = false;
  std::string color = "auto";
};

std::vector<Option> common_options(Parsed& parsed) {
  return {{"--json", "", "one JSON object with \"schema\": 1", &parsed.json},
          {"--quiet", "", "only the last lines", &parsed.quiet},
          {"--color", "WHEN", "auto (default), always or never; see NO_COLOR",
           &parsed.color},
          {"--help,-h", "", "print this text", &parsed.help},
          {"--version", "", "print the version", &parsed.version}};
}

// The common options that a command takes, in its own words.
std::vector<Option> options_of(const Command& command, std::vector<Option> common) {
  std::vector<Option> options = command.options;
  for (Option& option : common) {
    if (option.name == "--json") option.help = command.json_help;
    if (option.name == "--quiet") option.help = command.quiet_help;
    if (!option.help.empty()) options.push_back(std::move(option));
  }
  return options;
}

void add_options(CLI::App& app, const std::vector<Option>& options) {
  for (const auto& option : options) {
    if (const auto* flag = std::get_if<bool*>(&option.target)) {
      app.add_flag(option.name, **flag)->disable_flag_override();
    } else {
      app.add_option(option.name, *std::get<std::string*>(option.target))
          ->type_name(option.value)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

void print_options(Output& out, const std::vector<Option>& options) {
  Table table({Align::left, Align::left});
  for (const auto& option : options) {
    const auto comma = option.name.find(',');
    std::string name = option.name.substr(0, comma);
    if (comma != std::string::npos) {
      name = option.name.substr(comma + 1) + ", " + name;
    }
    if (!option.value.empty()) name += " " + option.value;
    table.add({name, option.help});
  }
  table.print(out);
}

void print_examples(Output& out, const std::vector<Command>& all) {
  Table table({Align::left, Align::left});
  const std::size_t most = all.size() == 1 ? 4 : 1;
  for (const auto& command : all) {
    for (std::size_t i = 0; i < std::min(most, command.examples.size()); ++i) {
      const auto& example = command.examples[i];
      table.add({example.line, {example.help, Tone::note}});
    }
  }
  out.print("{}\n", out.paint(Tone::title, "Examples"));
  table.print(out);
}

void print_usage(Output& out, const std::vector<std::string>& lines) {
  out.print("\n{}\n", out.paint(Tone::title, "Usage"));
  for (const auto& line : lines) out.print("  {}\n", line);
}

void print_help_of(Output& out, const Command& command,
                   const std::vector<Option>& common) {
  out.print("tornado {}: {}\n\n", command.name, command.summary);
  print_examples(out, {command});
  print_usage(out, command.usage);
  out.print("\n{}\n", out.paint(Tone::title, "Options"));
  print_options(out, options_of(command, common));
  out.print("\n{}", command.notes);
}

void print_help(Output& out, const std::vector<Command>& all,
                const std::vector<Option>& common) {
  out.print("tornado: shows what the event loop does on this machine\n\n");
  print_examples(out, all);
  print_usage(out, {"tornado COMMAND [OPTIONS] ..."});
  Table table({Align::left, Align::left});
  for (const auto& command : all) table.add({command.name, command.summary});
  out.print("\n{}\n", out.paint(Tone::title, "Commands"));
  table.print(out);
  out.print("\n{}\n", out.paint(Tone::title, "Options"));
  print_options(out, common);
  out.print("\n'tornado COMMAND -h' describes a command.\n");
}

void print_version(Output& out, bool json) {
  if (!json) {
    out.print("tornado {}\n", TORNADO_VERSION);
    return;
  }
  const System system = this_system();
  Json object;
  object.set("schema", 1).set("version", TORNADO_VERSION);
  object.set("compiler", system.compiler);
  object.set("pollers", Json::array()).set("wakers", Json::array());
  Json pollers = Json::array();
  for (const auto& name : names_of(poller_kinds())) pollers.push(name);
  Json wakers = Json::array();
  for (const auto& name : names_of(waker_kinds())) wakers.push(name);
  object.set("pollers", std::move(pollers)).set("wakers", std::move(wakers));
  out.write(object.text());
}

ColorChoice color_choice(const std::string& word) {
  if (word == "auto") return ColorChoice::automatic;
  if (word == "always") return ColorChoice::always;
  if (word == "never") return ColorChoice::never;
  throw UsageError(fmt::format("--color {}: no such choice{}", word,
                               hint(word, {"auto", "always", "never"})));
}

UsageError unknown_word(const std::string& word, const std::vector<Command>& all,
                        const Command* one) {
  if (one) return UsageError(fmt::format("{}: unexpected argument", word));
  std::vector<std::string> names;
  for (const auto& command : all) names.push_back(command.name);
  return UsageError(fmt::format("{}: no such command{}", word, hint(word, names)));
}

UsageError unknown_option(const std::string& word, const Command* one,
                          const std::vector<Option>& common) {
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> names;
  for (const auto& option : one ? options_of(*one, common) : common) {
    names.push_back(option.name.substr(0, option.name.find(',')));
  }
  std::string text = name + ": no such option";
  if (const std::string best = nearest(name, names); !best.empty()) {
    text += "; did you mean " + best + "?";
  } else if (one && one->after_dashes) {
    text += "; the options of a command to run stand behind --";
  }
  return UsageError(text);
}

class CommandLine {
 public:
  CommandLine() {
    app_.set_help_flag();
    app_.allow_extras();
    add_options(app_, common_);
    for (const auto& command : commands_) {
      CLI::App* sub = app_.add_subcommand(command.name);
      sub->set_help_flag();
      sub->fallthrough();
      add_options(*sub, command.options);
    }
    CLI::App* help = app_.add_subcommand("help");
    help->set_help_flag();
    help->fallthrough();
  }

  int run(int argc, const char* const* argv) {
    try {
      parse(argc, argv);
      Output out(look_at(STDOUT_FILENO, color_choice(parsed_.color)));
      const int status = act(out);
      out.flush();
      return status;
    } catch (const UsageError& error) {
      const std::string of = command_ ? " " + command_->name : "";
      write_all(STDERR_FILENO, fmt::format("tornado{}: {}\nTry 'tornado{} -h'.\n", of,
                                           error.what(), of));
      return exit_usage;
    }
  }

 private:
  void parse(int argc, const char* const* argv) {
    std::optional<std::string> problem;
    // What follows is another program's command line.
    const auto* const end = argv + argc;
    const auto* const dashes = std::find(argv, end, std::string_view("--"));
    try {
      app_.parse(static_cast<int>(dashes - argv), argv);
    } catch (const CLI::ParseError& error) {
      problem = error.what();
    }
    auto found = app_.get_subcommands();  // in the order of the line
    if (!found.empty() && found.front()->get_name() == "help") {
      parsed_.help = true;
      found.erase(found.begin());
    }
    for (const auto& command : commands_) {
      if (!found.empty() && found.front()->get_name() == command.name) {
        command_ = &command;
      }
    }
    if (problem) throw UsageError(*problem);
    if (found.size() > 1) {
      throw UsageError(found[1]->get_name() + ": unexpected argument");
    }
    take_words(app_.remaining(true));
    if (dashes != end) take_command({dashes + 1, end});
  }

  void take_words(const std::vector<std::string>& rest) {
    for (const auto& word : rest) {
      if (word.starts_with('-')) throw unknown_option(word, command_, common_);
      if (!command_ || !command_->words) throw unknown_word(word, commands_, command_);
      command_->words->push_back(word);
    }
  }

  void take_command(std::vector<std::string> line) {
    if (!command_ || !command_->after_dashes) {
      throw UsageError("--: unexpected argument");
    }
    if (line.empty()) throw UsageError("--: a command to run is missing");
    *command_->after_dashes = std::move(line);
  }

  int act(Output& out) {
    if (parsed_.version) {
      print_version(out, parsed_.json);
      return exit_ok;
    }
    if (parsed_.help) {
      if (command_) {
        print_help_of(out, *command_, common_);
      } else {
        print_help(out, commands_, common_);
      }
      return exit_ok;
    }
    if (command_) {
      return command_->run(
          {out, parsed_.json, parsed_.quiet, color_choice(parsed_.color)});
    }
    std::vector<std::string> names;
    for (const auto& command : commands_) names.push_back(command.name);
    throw UsageError("a command is missing; there are " + listed(names));
  }

  Parsed parsed_;
  const std::vector<Option> common_ = common_options(parsed_);
  const std::vector<Command> commands_ = commands();
  CLI::App app_;
  const Command* command_ = nullptr;
};

}  // namespace

int run(int argc, const char* const* argv) {
  return CommandLine().run(argc, argv);
}

}  // namespace tornado::cli
