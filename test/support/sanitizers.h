// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado::test {

/// Whether valgrind runs this program.
bool under_valgrind();

}  // namespace tornado::test
