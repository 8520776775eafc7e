// SPDX-License-Identifier: Apache-2.0
#include "tornado/completion.h"

#include <thread>
#include <utility>

#include "tornado/gen.h"

namespace tornado::detail {

bool PendingResult::claim() noexcept {
  Phase open = Phase::open;
  return phase_.compare_exchange_strong(open, Phase::claimed);
}

bool PendingResult::publish() noexcept {
  Phase claimed = Phase::claimed;
  if (!phase_.compare_exchange_strong(claimed, Phase::there)) return false;
  try {
    // Not stop() itself: if run_sync has ended, that would end the next run.
    loop_.add_callback([self = shared_from_this()] { self->stop_waiting(); });
  } catch (...) {  // no memory
    stop_waiting_without_memory();
  }
  return true;
}

// A run_sync looks for the result itself. For a task, there is the room for callbacks
// from signal handlers, which was made beforehand.
void PendingResult::stop_waiting_without_memory() noexcept {
  if (!for_task) return loop_.stop();
  kept_ = shared_from_this();
  const bool posted = loop_.add_callback_from_signal([this] {
    const std::shared_ptr<PendingResult> self = std::move(kept_);
    self->stop_waiting();
  });
  if (!posted) kept_.reset();
}

bool PendingResult::fail(std::exception_ptr reason) noexcept {
  if (!claim()) return false;
  exception = std::move(reason);
  return publish();
}

void PendingResult::stop_waiting() noexcept {
  if (phase_ != Phase::there) return;
  if (wait) {
    wait->arrive();
  } else {
    loop_.stop();
  }
}

void PendingResult::time_out() noexcept {
  if (phase_ == Phase::over) return;
  timed_out_ = true;
  loop_.stop();
}

bool PendingResult::withdraw() noexcept {
  Phase open = Phase::open;
  return phase_.compare_exchange_strong(open, Phase::over);
}

bool PendingResult::take() noexcept {
  if (withdraw()) return false;
  // A thread that has claimed the result is writing it.
  while (phase_ == Phase::claimed) std::this_thread::yield();
  return phase_.exchange(Phase::over) == Phase::there;
}

}  // namespace tornado::detail
