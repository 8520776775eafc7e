// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <csignal>
#include <memory>

#include "loop/mailbox.h"

namespace tornado {

/// Tells `mailbox` of each arrival of `signal`, from now on. Installs the handler where
/// it is not installed, also if somebody has replaced it since; throws
/// std::system_error if it may not.
void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox);

/// No more. The last to watch puts the sigaction back that the last installation found,
/// unless somebody has replaced the handler meanwhile.
void unwatch_signal(int signal, const Mailbox& mailbox);

/// Called by Windows, on a thread of its own, with CTRL_C_EVENT, CTRL_BREAK_EVENT or
/// another. False: no loop asked for it, and whoever was there before shall be called.
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
