// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <csignal>
#include <memory>

#include "loop/mailbox.h"

namespace tornado {

/// Tells `mailbox` of each arrival of `signal`, from now on. Installs the handler, also
/// if other code has replaced it since. Throws std::system_error if the system refuses.
void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox);

/// Stops watching. The last watcher restores the sigaction that the last installation
/// found, unless other code has replaced the handler.
void unwatch_signal(int signal, const Mailbox& mailbox);

/// Windows only: the console handler, which Windows calls on a thread of its own with
/// CTRL_C_EVENT, CTRL_BREAK_EVENT or another event. False if no loop watches the event,
/// so that Windows calls the next handler.
bool on_console_event(unsigned long event) noexcept;

/// Signals that the thread which runs a loop had blocked, and that it lets in while it
/// runs. Only that thread may call these. Empty on Windows, where no thread can block
/// a signal.
class UnblockedSignals {
 public:
  void add(int signal) noexcept;
  /// Blocks `signal` again if add() has let it in.
  void remove(int signal) noexcept;
  /// remove() of all.
  void clear() noexcept;

 private:
  std::bitset<NSIG> let_in_;
};

}  // namespace tornado
