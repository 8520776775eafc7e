// SPDX-License-Identifier: Apache-2.0
#include "coroutine/readiness.h"

#include <string>

#include "tornado/ioloop.h"

namespace tornado::detail {

Events ReadinessTable::interest_in(Entry& entry) noexcept {
  Events all = Events::none;
  for (auto* link = entry.waiting.next; link != &entry.waiting; link = link->next) {
    all |= static_cast<ReadinessAwait*>(link)->interest();
  }
  return all;
}

ReadinessTable::Entry& ReadinessTable::entry(NativeFd fd) {
  const auto found = entries_.find(fd);
  if (found != entries_.end()) return found->second;
  if (!spare_) return entries_[fd];
  spare_.key() = fd;
  return entries_.insert(std::move(spare_)).position->second;
}

void ReadinessTable::add(NativeFd fd, ReadinessAwait& wait) {
  Entry& waits = entry(fd);
  wait.link_behind(waits.waiting);
  const Events wanted = interest_in(waits);
  try {
    if (waits.applied == Events::none) {
      loop_.add_handler(
          fd, [this](NativeFd ready, Events events) { on_events(ready, events); },
          wanted, wait.frame->where);
    } else if (waits.applied != wanted) {
      loop_.update_handler(fd, wanted);
    }
    waits.applied = wanted;
  } catch (...) {
    wait.unlink();
    if (!waits.waiting.linked()) entries_.erase(fd);
    throw;
  }
}

void ReadinessTable::on_events(NativeFd fd, Events events) {
  Entry& waits = entries_.find(fd)->second;
  for (auto* link = waits.waiting.next; link != &waits.waiting;) {
    auto& wait = static_cast<ReadinessAwait&>(*link);
    link = link->next;
    wait.tell(events);
  }
  update(fd);
}

void ReadinessTable::update(NativeFd fd) noexcept {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  const Events wanted = interest_in(found->second);
  if (wanted == found->second.applied) return;
  found->second.applied = wanted;
  if (wanted != Events::none) return loop_.update_handler(fd, wanted);
  loop_.remove_handler(fd);
  spare_ = entries_.extract(found);
}

}  // namespace tornado::detail
