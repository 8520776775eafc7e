// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include <csignal>

#include "loop/signal_watch.h"
#include "support/deliver.h"

namespace tornado::test {

const int a_signal = SIGINT;
const int another_signal = SIGBREAK;

void deliver(int signal) {
  (void)on_console_event(signal == SIGINT ? CTRL_C_EVENT : CTRL_BREAK_EVENT);
}

}  // namespace tornado::test
