// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <cstdio>
#include <thread>

#include "platform/log.h"
#include "platform/signal_blocker.h"
#include "process/end_notice.h"
#include "process/wait_status.h"

namespace tornado {
namespace {

// A thread is no part of a program's design that it did not ask for: it takes none of
// its signals.
template <class F>
void start_detached(F body) {
  const SignalBlocker blocker;
  std::thread(std::move(body)).detach();
}

// Without a lock, which a fork could leave locked in the child.
std::atomic<LeftChild*> left{nullptr};

void put_off(LeftChild* child) noexcept {
  child->next = left.load();
  while (!left.compare_exchange_weak(child->next, child)) {
  }
}

}  // namespace

bool is_readable_at_end(NativeFd process) noexcept {
  return process != invalid_fd;
}

void notify_of_end(int pid, NativeFd, UniqueFunction<void()> notice) {
  start_detached([pid, n = std::move(notice)]() mutable {
    await_end(pid);
    n();
  });
}

void reap_later(std::unique_ptr<LeftChild> child) noexcept {
  reap_left();
  try {
    start_detached([pid = child->pid] { reap(pid, invalid_fd, WaitFor::end); });
  } catch (const std::exception& error) {
    std::array<char, 128> text{};
    std::snprintf(text.data(), text.size(),
                  "child %d will be reaped by a later spawn: %s", child->pid,
                  error.what());
    log(LogLevel::warning, text.data());
    put_off(child.release());
  }
}

void reap_left() noexcept {
  LeftChild* next = left.exchange(nullptr);
  while (next) {
    std::unique_ptr<LeftChild> child(next);
    next = child->next;
    if (!reap(child->pid, invalid_fd, WaitFor::nothing)) put_off(child.release());
  }
}

}  // namespace tornado
