// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The command line of Windows: one string, which the child cuts into arguments itself,
/// by the rules of the C runtime. Needs no Windows, so that it is tested everywhere.

#include <string>
#include <string_view>
#include <vector>

namespace tornado {

/// A line that the C runtimes, old and new, and CommandLineToArgvW cut into `argv`
/// again. Whatever any of them could take for more than itself is quoted, such as the
/// wildcards that some expand. Throws std::errc::invalid_argument, with the value, for
/// what no line can say: a NUL byte, or a double quote in argv[0].
std::string join_command_line(const std::vector<std::string>& argv);

/// A line by which cmd.exe runs `line` as if it had been typed.
std::string shell_command_line(std::string_view line);

/// Whether Windows would hand this program to cmd.exe, which cuts lines by other rules:
/// no quoting is safe there.
bool is_batch_file(std::string_view program) noexcept;

}  // namespace tornado
