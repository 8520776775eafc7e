// SPDX-License-Identifier: Apache-2.0
#include "tornado/queues.h"

#include <string>

#include "platform/system_error.h"

namespace tornado::detail {

QueueBase::QueueBase(std::ptrdiff_t maxsize)
    : maxsize_(static_cast<std::size_t>(maxsize)) {
  if (maxsize < 0) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "Queue: negative maxsize " + std::to_string(maxsize));
  }
  finished_.set();
}

void QueueBase::note_item() noexcept {
  ++unfinished_;
  finished_.clear();
}

void QueueBase::task_done() {
  if (unfinished_ == 0) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "Queue::task_done: called more often than put");
  }
  if (--unfinished_ == 0) finished_.set();
}

void QueueBase::throw_full() {
  throw_error(Errc::queue_full, "Queue::put_nowait");
}

void QueueBase::throw_empty() {
  throw_error(Errc::queue_empty, "Queue::get_nowait");
}

}  // namespace tornado::detail
