// SPDX-License-Identifier: Apache-2.0
#include "fds/source_lines.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "tornado/spawn.h"

namespace tornado::cli {
namespace {

// Its ends are non-blocking.
std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 512> bytes;
  for (;;) {
    pollfd wait = {fd, POLLIN, 0};
    (void)::poll(&wait, 1, -1);
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      return text;
    }
  }
}

// "/path/file.cpp:12 (discriminator 2)"; "??:0" if it does not know.
SourceLine parse(const std::string& text) {
  const auto colon = text.rfind(':', text.find(" (discriminator"));
  if (colon == std::string::npos || text.starts_with("??")) return {};
  const long line = std::strtol(text.c_str() + colon + 1, nullptr, 10);
  if (line <= 0) return {};
  return {text.substr(0, colon), static_cast<unsigned>(line)};
}

// What it says, one line for each address; nothing if it cannot be run.
std::string answer(const std::string& module,
                   const std::vector<std::uint64_t>& addresses) {
  SpawnOptions options;
  options.argv = {"addr2line", "-e", module};
  for (const auto address : addresses) {
    options.argv.push_back(fmt::format("{:#x}", address));
  }
  // Debug information is not to be fetched from anywhere.
  options.environment_changes = {{"DEBUGINFOD_URLS", std::nullopt}};
  options.in = options.err = Stdio::null();
  options.out = Stdio::pipe();
  std::error_code error;
  Child child = spawn(options, error);
  if (error) return {};
  std::string text = read_to_end(child.out.get());
  return wait_child(child) == 0 ? text : std::string();
}

using Known = std::map<std::pair<std::string, std::uint64_t>, SourceLine>;

void learn(Known& known, const std::string& module,
           const std::vector<std::uint64_t>& addresses) {
  std::istringstream lines(answer(module, addresses));
  for (const auto address : addresses) {
    std::string line;
    std::getline(lines, line);
    known[{module, address}] = parse(line);
  }
}

}  // namespace

std::vector<SourceLine> source_lines(const std::string& module,
                                     const std::vector<std::uint64_t>& addresses) {
  static Known known;
  std::vector<std::uint64_t> fresh;
  for (const auto address : addresses) {
    if (!known.contains({module, address})) fresh.push_back(address);
  }
  if (!fresh.empty()) learn(known, module, fresh);
  std::vector<SourceLine> lines;
  for (const auto address : addresses) lines.push_back(known[{module, address}]);
  return lines;
}

}  // namespace tornado::cli
