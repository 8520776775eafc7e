// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/coroutine_frame.h"
#include "tornado/result.h"

namespace tornado::detail {

/// The callbacks of operations on a loop. It calls them at the end of a turn, in the
/// order in which their results came.
class PendingCalls {
 public:
  PendingCalls() noexcept = default;
  PendingCalls(const PendingCalls&) = delete;
  PendingCalls& operator=(const PendingCalls&) = delete;
  ~PendingCalls() { close(); }

  [[nodiscard]] static PendingCalls& of(IOLoop& loop) noexcept {
    return TaskScheduler::calls_of(loop);
  }

  void expect(PendingCall& call) noexcept { call.link_behind(waiting_); }
  /// The result is there.
  void call_soon(PendingCall& call) noexcept { call.link_behind(ready_); }
  [[nodiscard]] bool has_ready() const noexcept { return ready_.linked(); }
  void run_next() {
    auto& call = static_cast<PendingCall&>(*ready_.next);
    call.unlink();
    call.run();
  }
  /// Drops those that were not called. They may own streams.
  void close() noexcept {
    for (List<PendingCall>* list : {&ready_, &waiting_}) {
      while (list->linked()) {
        auto& call = static_cast<PendingCall&>(*list->next);
        call.unlink();
        call.drop();
      }
    }
  }

 private:
  List<PendingCall> waiting_;
  List<PendingCall> ready_;
};

}  // namespace tornado::detail
