// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <mutex>
#include <string>
#include <vector>

#include "loop/signal_watch.h"
#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

struct Watcher {
  int signal;
  std::shared_ptr<Mailbox> mailbox;
};

struct Registry {
  std::mutex mutex;
  std::vector<Watcher> watchers;  // guarded
};

// Never destroyed: Windows may call while the process ends.
Registry& registry() {
  static auto* const only = new Registry;
  return *only;
}

BOOL WINAPI handle_event(DWORD event) {
  return on_console_event(event);
}

std::string act_on_signal(int signal) {
  return "add_signal_handler signal " + std::to_string(signal);
}

// Once, and outside of the lock: Windows holds a lock of its own while it calls
// handlers. Without a watcher the handler passes every event on.
void install(int signal) {
  static const bool installed = [signal] {
    if (!::SetConsoleCtrlHandler(&handle_event, TRUE)) {
      throw_windows_error(act_on_signal(signal));
    }
    return true;
  }();
  (void)installed;
}

}  // namespace

bool on_console_event(unsigned long event) noexcept {
  const int signal = event == CTRL_C_EVENT       ? SIGINT
                     : event == CTRL_BREAK_EVENT ? SIGBREAK
                                                 : 0;
  Registry& all = registry();
  const std::scoped_lock lock(all.mutex);
  bool told = false;
  for (const Watcher& one : all.watchers) {
    if (one.signal != signal) continue;
    one.mailbox->notify_signal(signal);
    told = true;
  }
  return told;
}

// The C runtime's other signals have no handler that several users can share.
void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox) {
  if (signal != SIGINT && signal != SIGBREAK) {
    const bool known = signal > 0 && signal < NSIG;
    throw_error(std::make_error_code(known ? std::errc::not_supported
                                           : std::errc::invalid_argument),
                act_on_signal(signal));
  }
  install(signal);
  Registry& all = registry();
  const std::scoped_lock lock(all.mutex);
  all.watchers.push_back({signal, std::move(mailbox)});
}

void unwatch_signal(int signal, const Mailbox& mailbox) {
  Registry& all = registry();
  const std::scoped_lock lock(all.mutex);
  std::erase_if(all.watchers, [&](const Watcher& one) {
    return one.signal == signal && one.mailbox.get() == &mailbox;
  });
}

void UnblockedSignals::add(int) noexcept {}
void UnblockedSignals::remove(int) noexcept {}
void UnblockedSignals::clear() noexcept {}

}  // namespace tornado
