// SPDX-License-Identifier: Apache-2.0
#include "tornado/async_generator.h"

#include <utility>

#include "platform/system_error.h"

namespace tornado::detail {

// Only what destroyed the generator leaves a frame without a parent.
bool GeneratorFrame::YieldAwait::await_ready() const {
  if (!frame_.parent()) throw Cancelled(frame_.scope->why());
  return false;
}

void GeneratorFrame::YieldAwait::await_suspend(std::coroutine_handle<>) noexcept {
  TaskScheduler& scheduler = *std::exchange(frame_.scope, nullptr)->scheduler();
  scheduler.go_on_with(*frame_.parent());
  frame_.set_parent(nullptr);
}

GeneratorOwner& GeneratorOwner::operator=(GeneratorOwner&& other) noexcept {
  if (this == &other) return *this;
  destroy();
  take(other);
  return *this;
}

void GeneratorOwner::take(GeneratorOwner& other) noexcept {
  frame_ = std::exchange(other.frame_, nullptr);
  lost_ = std::exchange(other.lost_, false);
  if (frame_ && frame_->next_) frame_->next_->owner_ = this;
}

void GeneratorOwner::end() noexcept {
  std::exchange(frame_, nullptr)->destroy();
}

// The wait of the task ends first, as the frame may be the one that runs.
void GeneratorOwner::destroy() noexcept {
  if (!frame_) return;
  NextItem* const next = std::exchange(frame_->next_, nullptr);
  if (!next) return end();
  GeneratorFrame& frame = *std::exchange(frame_, nullptr);
  next->owner_ = nullptr;
  if (frame.ending) return;  // by what destroys the task, too
  next->frame_ = nullptr;
  next->resume();
  frame.set_parent(nullptr);
  frame.scope->scheduler()->destroy(frame);
}

NextItem::~NextItem() {
  if (frame_ && owner_) owner_->destroy();
}

bool NextItem::ready() {
  if (owner_->lost_) throw_error(Errc::abandoned, "AsyncGenerator::next");
  if (!owner_->frame_) return true;
  if (!owner_->frame_->next_) return false;
  throw_error(std::make_error_code(std::errc::operation_in_progress),
              "AsyncGenerator::next: another task awaits the item");
}

void NextItem::suspend() noexcept {
  TaskScheduler& scheduler = *frame->scope->scheduler();
  frame_ = owner_->frame_;
  frame_->next_ = this;
  frame_->set_parent(frame);
  frame_->scope = frame->scope;
  frame_->begun = true;
  if (scheduler.may_go_on()) {
    scheduler.go_on_with(*frame_);
  } else {
    scheduler.make_ready(*frame_);
  }
}

void NextItem::forget_child() noexcept {
  frame_ = nullptr;
  if (!owner_) return;
  owner_->frame_ = nullptr;
  owner_->lost_ = true;
}

GeneratorFrame* NextItem::take() {
  if (!owner_) throw_error(Errc::abandoned, "AsyncGenerator::next");
  GeneratorFrame* const coroutine = std::exchange(frame_, nullptr);
  if (!coroutine) return nullptr;
  coroutine->next_ = nullptr;
  if (!coroutine->handle().done()) return coroutine;
  const std::exception_ptr failure =
      coroutine->failed ? coroutine->exception() : nullptr;
  owner_->end();
  if (failure) std::rethrow_exception(failure);
  return nullptr;
}

}  // namespace tornado::detail
