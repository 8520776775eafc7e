// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado::test {

/// Whether this was compiled for it.
bool under_address_sanitizer();
bool under_thread_sanitizer();

/// Whether valgrind runs this program.
bool under_valgrind();

}  // namespace tornado::test
