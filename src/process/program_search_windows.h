// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tornado {

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
