// SPDX-License-Identifier: Apache-2.0
#include "coroutine/signal_table.h"

#include <utility>

#include "tornado/ioloop.h"

namespace tornado::detail {

bool SignalTable::take(int signal, SignalAwait& wait) {
  const auto [at, fresh] = entries_.try_emplace(signal);
  if (!fresh) {
    if (!std::exchange(at->second.pending, false)) return false;
    wait.link_behind(at->second.told);
    return true;
  }
  try {
    loop_.add_signal_handler(signal, [this](int number) { on_signal(number); });
  } catch (...) {
    entries_.erase(at);
    throw;
  }
  return false;
}

void SignalTable::on_signal(int signal) noexcept {
  Entry& entry = entries_.at(signal);
  entry.pending = !entry.waiting.linked();
  while (entry.waiting.linked()) {
    auto& wait = static_cast<SignalAwait&>(*entry.waiting.next);
    wait.link_behind(entry.told);
    wait.resume();
  }
}

void SignalTable::settle(int signal) noexcept {
  List<SignalAwait>& told = entries_.at(signal).told;
  while (told.linked()) told.next->unlink();
}

void SignalTable::give_back(int signal, SignalAwait& wait) noexcept {
  wait.unlink();
  Entry& entry = entries_.at(signal);
  entry.pending = !entry.told.linked();
}

}  // namespace tornado::detail
