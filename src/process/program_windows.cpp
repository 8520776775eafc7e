// SPDX-License-Identifier: Apache-2.0
#include "process/program_windows.h"

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <utility>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"

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

bool is_file(const std::wstring& name) noexcept {
  const DWORD attributes = ::GetFileAttributesW(name.c_str());
  return attributes != INVALID_FILE_ATTRIBUTES &&
         !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

std::optional<std::wstring> with_or_without_exe(const std::wstring& name) {
  const std::size_t leaf = name.find_last_of(L"/\\:") + 1;
  std::array<std::wstring, 2> candidates = {name, name + L".exe"};
  if (name.find(L'.', leaf) == name.npos) std::swap(candidates[0], candidates[1]);
  for (std::wstring& candidate : candidates) {
    if (is_file(candidate)) return std::move(candidate);
  }
  return {};
}

// Entries may be quoted, for the sake of a semicolon within.
std::wstring next_entry(std::wstring_view& path) {
  std::wstring entry;
  bool quoted = false;
  while (!path.empty()) {
    const wchar_t c = path.front();
    path.remove_prefix(1);
    if (c == L'"') {
      quoted = !quoted;
    } else if (c == L';' && !quoted) {
      break;
    } else {
      entry += c;
    }
  }
  return entry;
}

[[noreturn]] void refuse(std::errc reason, std::string_view fault,
                         std::string_view what) {
  throw_error(std::make_error_code(reason),
              "spawn: " + std::string(fault) + " in " + std::string(what));
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

std::wstring absolute_path(const std::wstring& name, const std::wstring& directory) {
  namespace fs = std::filesystem;
  const std::wstring from =
      directory.empty() ? name : (fs::path(directory) / name).wstring();
  std::wstring result(MAX_PATH, L'\0');
  for (;;) {
    const DWORD size = ::GetFullPathNameW(
        from.c_str(), static_cast<DWORD>(result.size()), result.data(), nullptr);
    if (size == 0) throw_windows_error("full name of " + to_utf8(from));
    const bool fits = size < result.size();
    result.resize(size);
    if (fits) return result;
  }
}

std::wstring find_program(const std::string& program, std::wstring_view path,
                          const std::wstring& cwd) {
  const std::wstring name = to_wide(program, "executable");
  if (name.find_first_of(L"/\\:") != name.npos) {
    if (auto found = with_or_without_exe(absolute_path(name, cwd))) return *found;
  } else if (!name.empty()) {
    while (!path.empty()) {
      const std::wstring entry = next_entry(path);
      if (entry.empty()) continue;
      const std::wstring candidate = absolute_path(entry, cwd) + L"\\" + name;
      if (auto found = with_or_without_exe(candidate)) return *found;
    }
  }
  throw_error(std::make_error_code(std::errc::no_such_file_or_directory),
              "exec " + program);
}

std::wstring to_wide(std::string_view text, std::string_view what) {
  if (text.find('\0') != text.npos)
    refuse(std::errc::invalid_argument, "NUL byte", what);
  if (text.empty()) return {};
  constexpr std::size_t longest = 1 << 20;  // far more than Windows takes
  if (text.size() > longest) {
    refuse(std::errc::argument_list_too_long, "too much text", what);
  }
  const int size = static_cast<int>(text.size());
  const int units = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(),
                                          size, nullptr, 0);
  if (units == 0) refuse(std::errc::illegal_byte_sequence, "no UTF-8", what);
  std::wstring wide(static_cast<std::size_t>(units), L'\0');
  ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), size, wide.data(),
                        units);
  return wide;
}

std::string to_utf8(std::wstring_view text) {
  if (text.empty()) return {};
  const int units = static_cast<int>(text.size());
  const int size = ::WideCharToMultiByte(CP_UTF8, 0, text.data(), units, nullptr, 0,
                                         nullptr, nullptr);
  std::string utf8(static_cast<std::size_t>(size), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text.data(), units, utf8.data(), size, nullptr,
                        nullptr);
  return utf8;
}

}  // namespace tornado
