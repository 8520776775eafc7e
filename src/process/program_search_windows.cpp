// SPDX-License-Identifier: Apache-2.0
#include "process/program_search_windows.h"

#include <windows.h>

#include <array>
#include <filesystem>
#include <optional>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/wide_text_windows.h"

namespace tornado {
namespace {

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

}  // namespace

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

}  // namespace tornado
