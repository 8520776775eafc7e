// SPDX-License-Identifier: Apache-2.0
#include "loop/mailbox.h"

#include "platform/fork_epoch.h"
#include "platform/system_error.h"
#include "tornado/loop_handle.h"

namespace tornado {

Mailbox::Mailbox(WakerKind kind) : waker_(kind), epoch_(fork_epoch()) {}

bool Mailbox::ours() const noexcept {
  return epoch_.load(std::memory_order_acquire) == fork_epoch();
}

bool Mailbox::post(Callback&& callback, const std::source_location& where) {
  if (!callback) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "add_callback: no callable");
  }
  // Before the lock, which a thread that exists in the parent only may hold.
  if (!ours()) return false;
  if (runs_here()) {
    if (closed_.load(std::memory_order_relaxed)) return false;
    queue_.push_own(std::move(callback), where);
    return true;
  }
  const auto pushed = queue_.push(std::move(callback), where);
  if (pushed == CallbackQueue::Pushed::first) waker_.wake();
  return pushed != CallbackQueue::Pushed::refused;
}

bool Mailbox::post_from_signal(void (*invoke)(void*), const void* bytes,
                               std::size_t size) noexcept {
  if (closed() || !ring_.push(invoke, bytes, size)) return false;
  waker_.wake();
  return true;
}

void Mailbox::notify_signal(int signal) noexcept {
  const auto number = static_cast<unsigned>(signal);
  signals_[number / 64].fetch_or(std::uint64_t{1} << number % 64);
  waker_.wake();
}

void Mailbox::stop() noexcept {
  if (closed()) return;
  stop_.store(true);
  waker_.wake();
}

void Mailbox::close() {
  closed_.store(true);
  // A thread of the parent may hold the lock, and is not here to let it go.
  if (!ours()) (void)queue_.after_fork();
  const auto unrun = queue_.close();
  waker_.close();
}

bool Mailbox::after_fork() {
  waker_.rebuild();
  const bool ring_whole = ring_.after_fork();
  const bool queue_whole = queue_.after_fork();
  // Last: from here on the other threads of the child are let in.
  epoch_.store(fork_epoch(), std::memory_order_release);
  return ring_whole && queue_whole;
}

bool LoopHandle::add_callback(Callback callback, Location where) const {
  return mailbox_ && mailbox_->post(std::move(callback), where);
}

void LoopHandle::stop() const noexcept {
  if (mailbox_) mailbox_->stop();
}

bool LoopHandle::closed() const noexcept {
  return !mailbox_ || mailbox_->closed();
}

bool LoopHandle::post_from_signal(void (*invoke)(void*), const void* bytes,
                                  std::size_t size) const noexcept {
  return mailbox_ && mailbox_->post_from_signal(invoke, bytes, size);
}

}  // namespace tornado
