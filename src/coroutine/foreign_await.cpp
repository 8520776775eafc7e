// SPDX-License-Identifier: Apache-2.0
#include "tornado/foreign_await.h"

#include <utility>

#include "coroutine/turn_end.h"
#include "tornado/ioloop.h"

namespace tornado::detail {

LoopHandle loop_handle(const TaskFrame& frame) {
  return frame.scope->scheduler()->loop().handle();
}

/// Keeps the bridge of a destroyed task until the task's awaiters are gone too, which
/// may resume it until then.
class ForeignWait::Remains final : public Link, public TurnEnd {
 public:
  using Link::Link;
  void keep(TaskScheduler& tasks, std::shared_ptr<Remains> self) noexcept {
    self_ = std::move(self);
    tasks.at_turn_end(*this);
  }
  void on_turn_end() noexcept override {
    const auto self = std::move(self_);
    // In one step with saying that it must not be resumed: a coroutine that was resumed
    // ends by itself.
    if (bridge && !resumed.exchange(true)) bridge.destroy();
  }

  std::coroutine_handle<> bridge;

 private:
  std::shared_ptr<Remains> self_;
};

ForeignWait::~ForeignWait() {
  if (!link_) return;
  link_->wait = nullptr;
  if (link_->resumed) return;
  Remains& remains = *link_;
  remains.keep(*frame->scope->scheduler(), std::move(link_));
}

std::shared_ptr<ForeignWait::Link> ForeignWait::make_link() {
  return link_ = std::make_shared<Remains>(loop_handle(*frame), this);
}

void ForeignWait::start(std::coroutine_handle<> bridge) {
  link_->bridge = bridge;
  try {
    bridge.resume();
  } catch (...) {  // which leaves a coroutine at its final suspension
    std::exchange(link_->bridge, nullptr).destroy();
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
