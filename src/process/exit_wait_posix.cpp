// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <cstdio>

#include "platform/log.h"
#include "platform/thread.h"
#include "process/exit_wait.h"

namespace tornado {
namespace {

// Without a lock, which a fork could leave locked in the child.
std::atomic<AbandonedChild*> left{nullptr};

void put_off(AbandonedChild* child) noexcept {
  child->next = left.load();
  while (!left.compare_exchange_weak(child->next, child)) {
  }
}

}  // namespace

bool is_readable_at_end(NativeFd process) noexcept {
  return process != invalid_fd;
}

void notify_of_end(int pid, NativeFd, UniqueFunction<void()> notice) {
  start_thread_with_signals_blocked([pid, n = std::move(notice)]() mutable {
    await_end(pid);
    n();
  }).detach();
}

void reap_later(std::unique_ptr<AbandonedChild> child) noexcept {
  reap_abandoned();
  try {
    start_thread_with_signals_blocked([pid = child->pid] {
      reap(pid, invalid_fd, WaitFor::end);
    }).detach();
  } catch (const std::exception& error) {
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(),
                  "child %d will be reaped by a later spawn: %s", child->pid,
                  error.what());
    log(LogLevel::warning, text.data());
    put_off(child.release());
  }
}

void reap_abandoned() noexcept {
  AbandonedChild* next = left.exchange(nullptr);
  while (next) {
    std::unique_ptr<AbandonedChild> child(next);
    next = child->next;
    if (!reap(child->pid, invalid_fd, WaitFor::nothing)) put_off(child.release());
  }
}

}  // namespace tornado
