// SPDX-License-Identifier: Apache-2.0
#include "tornado/foreign_await.h"

#include <utility>

#include "tornado/ioloop.h"

namespace tornado::detail {

LoopHandle loop_handle(const TaskFrame& frame) {
  return frame.scope->scheduler()->loop().handle();
}

// Whether it was resumed is asked in one step with saying that it must not be: the
// coroutine that was resumed touches nothing of this, and ends by itself.
ForeignWait::~ForeignWait() {
  if (!link_) return;
  link_->wait = nullptr;
  if (bridge_ && !link_->resumed.exchange(true)) bridge_.destroy();
}

void ForeignWait::start(std::coroutine_handle<> bridge) {
  bridge_ = bridge;
  try {
    bridge.resume();
  } catch (...) {  // which leaves a coroutine at its final suspension
    std::exchange(bridge_, nullptr).destroy();
    throw;
  }
}

void ForeignWait::notify(std::shared_ptr<Link> link) noexcept {
  const LoopHandle loop = link->loop;
  loop.post(std::move(link));
}

void ForeignWait::Link::arrive() noexcept {
  if (wait) wait->resume();
}

}  // namespace tornado::detail
