// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>

#include "tornado/gen.h"

namespace tornado::detail {

/// The tasks that wait for descriptors, and the one handler that each descriptor has.
/// A descriptor is registered only while a task waits for it, since its owner may close
/// it and reuse the number at any other time.
class ReadinessTable {
 public:
  explicit ReadinessTable(IOLoop& loop) noexcept : loop_(loop) {}

  void add(NativeFd fd, ReadinessAwait& wait);
  /// After `wait` has left its list.
  void update(NativeFd fd) noexcept;

 private:
  struct Entry {
    List<ReadinessAwait> waiting;
    Events applied = Events::none;
  };
  using Map = std::unordered_map<NativeFd, Entry>;

  static Events interest_in(Entry& entry) noexcept;
  Entry& entry(NativeFd fd);
  void on_events(NativeFd fd, Events events);

  IOLoop& loop_;
  Map entries_;
  Map::node_type spare_;  // so that waiting again and again allocates nothing
};

}  // namespace tornado::detail
