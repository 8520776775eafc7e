// SPDX-License-Identifier: Apache-2.0
#include "source_lines.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>


namespace tornado::cli {
namespace {

SourceLine ask(const std::string&, std::uint64_t) {
  return {};
}

}  // namespace

SourceLine source_line(const std::string& module, std::uint64_t address) {
  static std::map<std::pair<std::string, std::uint64_t>, SourceLine> known;
  const auto [entry, fresh] = known.try_emplace({module, address});
  if (fresh) entry->second = ask(module, address);
  return entry->second;
}

}  // namespace tornado::cli
