// SPDX-License-Identifier: Apache-2.0
#include "process/environment_block_windows.h"

#include <windows.h>

#include <map>
#include <memory>
#include <string_view>

#include "platform/system_error.h"
#include "process/wide_text_windows.h"

namespace tornado {
namespace {

int compare(std::wstring_view a, std::wstring_view b) noexcept {
  return ::CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                static_cast<int>(b.size()), TRUE) -
         CSTR_EQUAL;
}

struct NameLess {
  bool operator()(const std::wstring& a, const std::wstring& b) const noexcept {
    return compare(a, b) < 0;
  }
};
using Variables = std::map<std::wstring, std::wstring, NameLess>;

std::wstring variable_name(const std::string& name) {
  const std::string shown = "environment variable \"" + name + "\"";
  if (name.empty() || name.find('=') != std::string::npos) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                shown + (name.empty() ? ": empty name" : ": '=' in the name"));
  }
  return to_wide(name, "the name of an environment variable");
}

void set(Variables& variables, const std::string& name, const std::string& value) {
  std::wstring wide = variable_name(name);
  std::wstring content = to_wide(value, "environment variable \"" + name + "\"");
  variables.erase(wide);  // it may have been written otherwise
  variables.emplace(std::move(wide), std::move(content));
}

// Names may begin with '=': so Windows keeps the working directory of each drive.
template <class F>
void for_each_variable(const wchar_t* block, F visit) {
  for (; *block; block += std::wstring_view(block).size() + 1) {
    const std::wstring_view entry = block;
    const std::size_t equals = entry.find(L'=', 1);
    if (equals == entry.npos) continue;
    visit(entry.substr(0, equals), entry.substr(equals + 1));
  }
}

Variables own_variables() {
  const std::unique_ptr<wchar_t, decltype(&::FreeEnvironmentStringsW)> block(
      ::GetEnvironmentStringsW(), &::FreeEnvironmentStringsW);
  if (!block) throw std::bad_alloc();
  Variables result;
  for_each_variable(block.get(),
                    [&result](auto name, auto value) { result.emplace(name, value); });
  return result;
}

}  // namespace

std::wstring environment_block(const SpawnOptions& options) {
  Variables variables;
  if (options.environment) {
    for (const auto& [name, value] : *options.environment) set(variables, name, value);
  } else {
    variables = own_variables();
  }
  for (const auto& [name, value] : options.environment_changes) {
    if (value) {
      set(variables, name, *value);
    } else {
      variables.erase(variable_name(name));
    }
  }
  std::wstring block;
  for (const auto& [name, value] : variables) {
    block.append(name).append(L"=").append(value).push_back(L'\0');
  }
  if (block.empty()) block.push_back(L'\0');
  block.push_back(L'\0');
  return block;
}

std::optional<std::wstring> find_variable(const std::wstring& block,
                                          const std::wstring& name) {
  std::optional<std::wstring> result;
  for_each_variable(block.c_str(), [&](auto found, auto value) {
    if (compare(found, name) == 0) result = value;
  });
  return result;
}

}  // namespace tornado
