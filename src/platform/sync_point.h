// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado {

/// Places where other threads see one step without the next. test/proof/pause runs
/// another thread, a signal handler or a fork at each. No thread holds a lock there.
enum class SyncPoint : unsigned char {
  wake_began,
  wake_found_it_armed,
  wake_let_in,
  drain_let_in,
  consume_drained,
  answer_drained,
  rebuild_opened,
  rebuild_let_in,
  rebuild_replaced,
  rebuild_owned,
  shut,
  post_allowed,
  post_pushed,
  ring_claimed,
  ring_filled,
  stop_stored,
  signal_noted,
  refusal_began,
  queue_closed,
  fetch_began,
  fetched,
  turn_dispatched,
  wait_timed,
  wait_armed,
  wait_ended,
  wait_answered,
  timeouts_found,
  loop_closing,
  poller_closed,
  fork_waker_rebuilt,
  fork_queue_whole,
  fork_let_in,
  spawn_prepared,
  spawn_launched,
  exit_watched,
  exit_seen,
  exit_reaped,
};
inline constexpr int sync_points = static_cast<int>(SyncPoint::exit_reaped) + 1;

#ifdef TORNADO_SYNC_POINTS
void sync_point(SyncPoint point) noexcept;
#else
constexpr void sync_point(SyncPoint) noexcept {}
#endif

}  // namespace tornado
