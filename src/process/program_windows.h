// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tornado/spawn.h"

namespace tornado {

/// UTF-8 to UTF-16. Throws std::errc::invalid_argument for a NUL byte and
/// std::errc::illegal_byte_sequence for bytes that are not UTF-8. Both name `what`.
std::wstring to_wide(std::string_view text, std::string_view what);

/// UTF-16 to UTF-8, for messages: half a surrogate pair becomes U+FFFD.
std::string to_utf8(std::wstring_view text);

/// The child's environment as CreateProcess takes it: "name=value" with a NUL each,
/// sorted by name without regard to case, and a NUL at the end. Names that differ in
/// case only are one variable, and the last value counts. Throws
/// std::errc::invalid_argument for an empty name and for a name with '='.
std::wstring environment_block(const SpawnOptions& options);

/// The value of a variable in a block.
std::optional<std::wstring> find_variable(const std::wstring& block,
                                          const std::wstring& name);

/// The full name of the program to run. A name without a slash, backslash or colon is
/// looked for in `path`; the directory of this program, the working directory and those
/// of Windows count only if they stand there. Relative names start from `cwd`, or, if
/// that is empty, from this process's. Where there is no such file, or its name has no
/// dot, ".exe" is added. Throws std::errc::no_such_file_or_directory.
std::wstring find_program(const std::string& program, std::wstring_view path,
                          const std::wstring& cwd);

/// An absolute name; a relative one starts from `directory` if that is not empty.
std::wstring absolute_path(const std::wstring& name, const std::wstring& directory);

}  // namespace tornado
