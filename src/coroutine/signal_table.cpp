// SPDX-License-Identifier: Apache-2.0
#include "coroutine/signal_table.h"

#include <utility>

#include "tornado/ioloop.h"

namespace tornado::detail {

bool SignalTable::take(int signal) {
  const auto [at, fresh] = entries_.try_emplace(signal);
  if (!fresh) return std::exchange(at->second.pending, false);
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
    wait.unlink();
    wait.resume();
  }
}

}  // namespace tornado::detail
