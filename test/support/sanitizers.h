// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado::test {

/// The undefined behaviour sanitizer opens a pipe when it checks the type of an object
/// for the first time, and reports nonsense if it cannot. Lets it see the types of
/// errors, for tests in which descriptors or pipes are about to become scarce.
void show_error_types_to_sanitizers();

/// Whether valgrind runs this program.
bool under_valgrind();

}  // namespace tornado::test
