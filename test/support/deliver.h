// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado::test {

/// Two signals that loops can handle here, and that no other code uses.
extern const int a_signal;
extern const int another_signal;

/// Lets a signal arrive: on this thread, or, on Windows, as the system would call.
void deliver(int signal);

}  // namespace tornado::test
