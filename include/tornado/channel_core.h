// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The parts of a channel that the compiler has to see. Programs use
/// tornado/channel.h.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tornado/coroutine_frame.h"
#include "tornado/loop_types.h"
#include "tornado/time.h"

namespace tornado::detail {

class ChannelPort;
class ChannelWait;

/// A thread or a task that waits for a channel, whose mutex guards all of this.
struct ChannelWaiter : ListLink<ChannelWaiter> {
  enum class State : std::uint8_t { idle, waiting, served, closed, timed_out };
  State state = State::idle;
  std::condition_variable* thread = nullptr;  // of a thread
  ChannelWait* wait = nullptr;                // of a task
  std::shared_ptr<ChannelPort> port;          // of its loop
};

/// What a channel is, whatever its items.
class TORNADO_API ChannelCore : public std::enable_shared_from_this<ChannelCore> {
 public:
  using State = ChannelWaiter::State;
  using Lock = std::unique_lock<std::mutex>;
  using Line = List<ChannelWaiter>;

  explicit ChannelCore(std::size_t capacity);
  ~ChannelCore();
  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  [[nodiscard]] Lock lock() { return Lock(mutex_); }
  void close() noexcept;

  // With the lock:
  /// The first that serve() will certainly wake; null if there is none.
  [[nodiscard]] ChannelWaiter* first(Line& line) noexcept;
  static void serve(ChannelWaiter& waiter, State state) noexcept;
  [[nodiscard]] std::shared_ptr<ChannelPort> port_of(IOLoop& loop);
  /// Makes the calling thread wait until `waiter` is served. False if the channel was
  /// closed instead; throws Errc::timed_out.
  static bool block(const char* what, Lock& lock, Line& line, ChannelWaiter& waiter,
                    std::optional<Delay> timeout);

  const std::size_t capacity;
  bool closed = false;
  Line senders;
  Line receivers;

 private:
  std::mutex mutex_;
  using Port = std::pair<const IOLoop*, std::shared_ptr<ChannelPort>>;
  std::vector<Port> ports_;  // one for each loop
};

[[noreturn]] TORNADO_API void throw_channel_closed(const char* what);

/// The wait of a task. Only the thread of its loop touches the frame: other threads
/// move the waiter to the list of a ChannelPort.
class TORNADO_API ChannelWait : public Suspension {
 public:
  bool withdraw() noexcept final;
  [[nodiscard]] std::string describe() const final { return what_; }

 protected:
  using State = ChannelWaiter::State;

  ChannelWait(const char* what, std::shared_ptr<ChannelCore> core,
              ChannelWaiter& waiter, std::optional<Delay> timeout,
              std::source_location where) noexcept
      : what_(what),
        core_(std::move(core)),
        waiter_(waiter),
        timeout_(timeout),
        where_(where) {}
  ~ChannelWait() { disarm(); }

  /// `state` is what a first try has given. Whether the wait has ended.
  [[nodiscard]] bool ends_with(State state) noexcept;
  /// Before the lock is taken for a second try.
  void prepare();
  /// With the lock: `state` is what the second try has given.
  void enter(ChannelCore::Line& line, State state) noexcept;
  /// The task goes on. False if the channel is closed; throws Errc::timed_out.
  [[nodiscard]] bool take_result();
  /// The wait is destroyed. True if it has a result that the task did not get; the
  /// lock is then held.
  [[nodiscard]] bool leave(ChannelCore::Lock& lock) noexcept;

  const char* const what_;

 private:
  friend class ChannelPort;
  void go_on() noexcept;
  void time_out() noexcept;
  void disarm() noexcept;

  const std::shared_ptr<ChannelCore> core_;
  ChannelWaiter& waiter_;
  std::optional<Delay> timeout_;
  std::source_location where_;
  TimeoutHandle alarm_;
  bool pending_ = false;  // begun, and without take_result()
};

}  // namespace tornado::detail
