// SPDX-License-Identifier: Apache-2.0
// What the command reads: a Procfile, names of files, durations, lines in pieces, and
// what /proc says of a process.
#include <algorithm>
#include <string>
#include <vector>

#include "command.h"
#include "fds/process_text.h"
#include "fuzz/check.h"
#include "fuzz/input.h"
#include "run/line_cutter.h"
#include "run/procfile.h"
#include "text/byte_text.h"
#include "text/words.h"

namespace tornado::fuzz {
namespace {

using namespace std::string_view_literals;

// An accepted text keeps its meaning when it is written again.
void procfile(std::string_view text) {
  std::vector<cli::ProcfileEntry> entries;
  try {
    entries = cli::parse_procfile(text);
  } catch (const cli::UsageError& error) {
    FUZZ_CHECK(cli::is_utf8(error.what()));
    return;
  }
  FUZZ_CHECK(!entries.empty());
  std::string again;
  for (const auto& [name, command] : entries) {
    FUZZ_CHECK(!name.empty() && !command.empty());
    FUZZ_CHECK(command.find_first_of("\n\0"sv) == std::string::npos);
    again += name + ": " + command + "\n";
  }
  const auto same = [](const auto& a, const auto& b) {
    return a.name == b.name && a.command == b.command;
  };
  FUZZ_CHECK(std::ranges::equal(entries, cli::parse_procfile(again), same));
}

// "\x1b" is the byte; everything else stands for itself.
std::string unescaped(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const bool escaped = text.starts_with("\\x");
    bytes +=
        escaped
            ? static_cast<char>(std::stoi(std::string(text.substr(2, 2)), nullptr, 16))
            : text.front();
    text.remove_prefix(escaped ? 4 : 1);
  }
  return bytes;
}

void printable(std::string_view bytes) {
  const std::string shown = cli::printable(bytes);
  FUZZ_CHECK(cli::is_utf8(shown));
  for (const char c : shown)
    FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  FUZZ_CHECK(unescaped(shown) == bytes);
}

void base64(std::string_view bytes) {
  const std::string text = cli::base64(bytes);
  FUZZ_CHECK(text.size() == (bytes.size() + 2) / 3 * 4);
  const auto padding = std::ranges::count(text, '=');
  FUZZ_CHECK(static_cast<std::size_t>(padding) == (3 - bytes.size() % 3) % 3);
}

void duration(std::string_view text) {
  const auto length = cli::parse_duration(text);
  FUZZ_CHECK(!length ||
             (length->count() >= 0 && length->count() <= 1'000'000'000'000'000'000));
}

void nearest(std::string_view word) {
  const std::vector<std::string> words = {"epoll", "poll", "select"};
  const std::string found = cli::nearest(word, words);
  FUZZ_CHECK(found.empty() || std::ranges::count(words, found) == 1);
}

// The same again when each is ended as the kernel ends it.
void arguments(std::string_view cmdline) {
  std::string again;
  for (const std::string& argument : cli::arguments_in(cmdline)) {
    FUZZ_CHECK(argument.find('\0') == std::string::npos);
    again += argument + '\0';
  }
  const bool unended = !cmdline.empty() && cmdline.back() != '\0';
  FUZZ_CHECK(again == (unended ? std::string(cmdline) + '\0' : cmdline));
}

// The first line of each name counts, whatever stands around it.
void family(std::string_view text) {
  (void)cli::family_in(text);
  const std::string around(text.substr(0, text.find('\n')));
  const auto size = static_cast<pid_t>(text.size());
  const auto [process, parent] =
      cli::family_in("Name:\t" + around + "\nTgid:\t" + std::to_string(size) +
                     "\nPPid:\t" + std::to_string(size + 1) + "\n" + std::string(text));
  FUZZ_CHECK(process == size && parent == size + 1);
}

// However it is cut, what comes out is what went in.
void lines(Input& input) {
  const std::string all(input.rest());
  cli::LineCutter cutter;
  std::string joined;
  const auto take = [&](std::string_view line, bool more) {
    FUZZ_CHECK(line.find('\n') == std::string_view::npos);
    joined += line;
    if (!more) joined += '\n';
  };
  while (!input.empty()) {
    const std::size_t before = input.rest().size();
    const std::string_view rest = input.rest();
    (void)input.text(16);
    cutter.feed(rest.substr(0, before - input.rest().size()), take);
  }
  cutter.end(take);
  const bool unended = !all.empty() && all.back() != '\n';
  FUZZ_CHECK(joined == (unended ? all + "\n" : all));
}

}  // namespace
}  // namespace tornado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tornado::fuzz;
  Input input(data, size);
  procfile(input.rest());
  printable(input.rest());
  base64(input.rest());
  duration(input.rest());
  nearest(input.rest().substr(0, 32));
  arguments(input.rest());
  family(input.rest());
  lines(input);
  return 0;
}
