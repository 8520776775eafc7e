// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tornado::test {

/// Two double quotes within quotes are one, and then: the C runtime since 2008 stays
/// within the quotes; older ones and CommandLineToArgvW have left them.
enum class TwoQuotes { stay, leave };

/// How a program of Windows cuts its command line, by the rules that are documented for
/// main() and for CommandLineToArgvW.
std::vector<std::string> cut_command_line(std::string_view line, TwoQuotes two);

}  // namespace tornado::test
