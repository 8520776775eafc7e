// SPDX-License-Identifier: Apache-2.0
#include "process/environment.h"

#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <string_view>

#include "platform/system_error.h"

extern "C" char** environ;  // NOLINT: declared by the C library under _GNU_SOURCE only

namespace tornado {
namespace {

// In the order of names, so that the same variables give the same bytes.
using Variables = std::map<std::string, std::string, std::less<>>;

void check(std::string_view name, std::string_view value) {
  const char* fault = name.empty()                     ? "empty name"
                      : name.find('=') != name.npos    ? "'=' in the name"
                      : name.find('\0') != name.npos   ? "NUL byte in the name"
                      : value.find('\0') != value.npos ? "NUL byte in the value"
                                                       : nullptr;
  if (!fault) return;
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "environment variable \"" + std::string(name.substr(0, name.find('\0'))) +
                  "\": " + fault);
}

Variables own_variables() {
  Variables result;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=', 1);  // names may begin with one
    if (equals == text.npos) continue;
    result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

Variables all_variables(const SpawnOptions& options) {
  Variables result;
  if (options.environment) {
    for (const auto& [name, value] : *options.environment) {
      check(name, value);
      result.insert_or_assign(name, value);
    }
  } else {
    result = own_variables();
  }
  for (const auto& [name, value] : options.environment_changes) {
    check(name, value ? std::string_view(*value) : std::string_view());
    if (value) {
      result.insert_or_assign(name, *value);
    } else {
      result.erase(name);
    }
  }
  return result;
}

}  // namespace

std::vector<char*> child_environment(const SpawnOptions& options,
                                     std::vector<std::string>& storage) {
  std::vector<char*> result;
  if (!options.environment && options.environment_changes.empty()) {
    for (char** entry = environ; entry && *entry; ++entry) result.push_back(*entry);
  } else {
    const Variables variables = all_variables(options);
    storage.reserve(variables.size());  // the pointers are into it
    for (const auto& [name, value] : variables) {
      result.push_back(storage.emplace_back(name + "=" + value).data());
    }
  }
  result.push_back(nullptr);
  return result;
}

const char* find_variable(const std::vector<char*>& environment, const char* name) {
  const std::size_t length = std::strlen(name);
  for (const char* entry : environment) {
    if (entry && std::strncmp(entry, name, length) == 0 && entry[length] == '=') {
      return entry + length + 1;
    }
  }
  return nullptr;
}

}  // namespace tornado
