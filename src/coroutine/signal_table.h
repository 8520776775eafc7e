// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "tornado/gen.h"

namespace tornado::detail {

/// The signals that tasks of one loop have waited for. Each stays watched, or a signal
/// that comes between two awaits would have its default action.
class SignalTable {
 public:
  explicit SignalTable(IOLoop& loop) noexcept : loop_(loop) {}

  /// Whether the signal has come since a task was last told of it; `wait` is told.
  bool take(int signal, SignalAwait& wait);
  void add(int signal, SignalAwait& wait) {
    wait.link_behind(entries_.at(signal).waiting);
  }
  /// A task that was told goes on.
  void settle(int signal) noexcept;
  /// A task that was told ends. If no other was, the signal is for the next await.
  void give_back(int signal, SignalAwait& wait) noexcept;

 private:
  struct Entry {
    List<SignalAwait> waiting;
    List<SignalAwait> told;  // until the first of them goes on
    bool pending = false;
  };

  void on_signal(int signal) noexcept;

  IOLoop& loop_;
  std::map<int, Entry> entries_;
};

}  // namespace tornado::detail
