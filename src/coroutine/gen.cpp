// SPDX-License-Identifier: Apache-2.0
#include "tornado/gen.h"

#include <string>

#include "coroutine/readiness.h"
#include "coroutine/signal_table.h"

namespace tornado::detail {

SleepAwait::~SleepAwait() {
  if (frame && !over) (void)withdraw();
}

void SleepAwait::suspend() {
  IOLoop& loop = frame->scope->scheduler()->loop();
  const TimePoint at = is_delay_ ? Delay(time_).after(loop.time()) : TimePoint(time_);
  timeout_ = loop.call_at(
      at, [this] { resume(); }, frame->where);
}

bool SleepAwait::withdraw() noexcept {
  frame->scope->scheduler()->loop().remove_timeout(timeout_);
  return true;
}

std::string SleepAwait::describe() const {
  return "sleep";
}

ReadinessAwait::~ReadinessAwait() {
  if (frame && !over) (void)withdraw();
}

void ReadinessAwait::suspend() {
  frame->scope->scheduler()->readiness().add(fd_, *this);
}

void ReadinessAwait::tell(Events events) noexcept {
  const Events mine = events & (interest_ | Events::error);
  if (mine == Events::none) return;
  events_ = mine;
  unlink();
  resume();
}

bool ReadinessAwait::withdraw() noexcept {
  if (!linked()) return false;
  unlink();
  frame->scope->scheduler()->readiness().update(fd_);
  return true;
}

std::string ReadinessAwait::describe() const {
  const bool reads = has(interest_, Events::read);
  return (reads ? "readable fd " : "writable fd ") + std::to_string(fd_);
}

// The task was told, and is destroyed before it goes on.
SignalAwait::~SignalAwait() {
  if (!linked() || !over) return;
  frame->scope->scheduler()->signal_table().give_back(signal_, *this);
}

// True if one came while no task waited.
bool SignalAwait::ready() {
  return frame->scope->scheduler()->signal_table().take(signal_, *this);
}

void SignalAwait::suspend() {
  frame->scope->scheduler()->signal_table().add(signal_, *this);
}

int SignalAwait::result() noexcept {
  frame->scope->scheduler()->signal_table().settle(signal_);
  return signal_;
}

bool SignalAwait::withdraw() noexcept {
  unlink();
  return true;
}

std::string SignalAwait::describe() const {
  return "signal " + std::to_string(signal_);
}

UntilWait::~UntilWait() {
  if (!pending_) return;
  pending_->wait = nullptr;
  pending_->give_up();
}

void UntilWait::expect(std::shared_ptr<PendingResult> pending) noexcept {
  pending_ = std::move(pending);
  pending_->wait = this;
}

}  // namespace tornado::detail
