// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "support/deliver.h"

namespace tornado::test {

const int a_signal = SIGUSR1;
const int another_signal = SIGUSR2;

void deliver(int signal) {
  ::raise(signal);
}

}  // namespace tornado::test
