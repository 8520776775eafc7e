// SPDX-License-Identifier: Apache-2.0
#include "tornado/channel.h"

#include <algorithm>
#include <utility>

#include "platform/system_error.h"
#include "tornado/ioloop.h"

namespace tornado::detail {

/// The waits of one loop that were served, until it hears of them. The lock of the
/// channel guards it.
class ChannelPort final : public Arrival {
 public:
  ChannelPort(std::weak_ptr<ChannelCore> core, LoopHandle loop) noexcept
      : core_(std::move(core)), loop_(std::move(loop)) {}

  [[nodiscard]] bool closed() const noexcept { return loop_.closed(); }
  /// Is on its way to the loop. False if that is closed.
  bool post() noexcept;

  List<ChannelWaiter> served;

 private:
  void arrive() noexcept override;

  const std::weak_ptr<ChannelCore> core_;
  const LoopHandle loop_;
  bool posted_ = false;
};

bool ChannelPort::post() noexcept {
  if (posted_) return !closed();
  return posted_ = loop_.post(shared_from_this());
}

void ChannelPort::arrive() noexcept {
  const std::shared_ptr<ChannelCore> core = core_.lock();
  if (!core) return;
  const auto lock = core->lock();
  posted_ = false;
  while (served.linked()) {
    auto& waiter = static_cast<ChannelWaiter&>(*served.next);
    waiter.unlink();
    waiter.wait->go_on();
  }
}

// The channel.

ChannelCore::ChannelCore(std::size_t room) : capacity(room) {
  if (room > 0) return;
  throw_error(std::make_error_code(std::errc::invalid_argument), "Channel: capacity 0");
}

ChannelCore::~ChannelCore() = default;

void ChannelCore::close() noexcept {
  const Lock held = lock();
  closed = true;
  for (Line* const line : {&receivers, &senders}) {
    while (ChannelWaiter* const waiter = first(*line)) {
      serve(*waiter, State::closed);
    }
  }
}

// The task of a closed loop is destroyed, or soon will be: its wait counts no more.
ChannelWaiter* ChannelCore::first(Line& line) noexcept {
  while (line.linked()) {
    auto& waiter = static_cast<ChannelWaiter&>(*line.next);
    if (waiter.thread || waiter.port->post()) return &waiter;
    waiter.unlink();
  }
  return nullptr;
}

void ChannelCore::serve(ChannelWaiter& waiter, State state) noexcept {
  waiter.state = state;
  waiter.unlink();
  if (waiter.thread) {
    waiter.thread->notify_one();
  } else {
    waiter.link_behind(waiter.port->served);
  }
}

std::shared_ptr<ChannelPort> ChannelCore::port_of(IOLoop& loop) {
  const Lock held = lock();
  std::erase_if(ports_, [](const Port& port) { return port.second->closed(); });
  for (const Port& port : ports_) {
    if (port.first == &loop) return port.second;
  }
  auto port = std::make_shared<ChannelPort>(weak_from_this(), loop.handle());
  return ports_.emplace_back(&loop, std::move(port)).second;
}

bool ChannelCore::block(const char* what, Lock& lock, Line& line, ChannelWaiter& waiter,
                        std::optional<Delay> timeout) {
  std::condition_variable wake;
  waiter.thread = &wake;
  waiter.state = State::waiting;
  waiter.link_behind(line);
  const auto served = [&waiter] { return waiter.state != State::waiting; };
  const TimePoint end =
      timeout ? timeout->after(std::chrono::time_point_cast<std::chrono::nanoseconds>(
                    Clock::now()))
              : (TimePoint::max)();
  if (end == (TimePoint::max)()) {
    wake.wait(lock, served);
  } else if (!wake.wait_until(lock, end, served)) {
    waiter.unlink();
    throw_error(Errc::timed_out, what);
  }
  return waiter.state == State::served;
}

void throw_channel_closed(const char* what) {
  throw_error(Errc::channel_closed, what);
}

// Waits of tasks.

bool ChannelWait::ends_with(State state) noexcept {
  const bool no_time = timeout_ && timeout_->get() <= timeout_->get().zero();
  if (state == State::waiting && no_time) state = State::timed_out;
  waiter_.state = state;
  pending_ = state != State::waiting;
  return pending_;
}

void ChannelWait::prepare() {
  IOLoop& loop = frame->scope->scheduler()->loop();
  waiter_.wait = this;
  waiter_.port = core_->port_of(loop);
  if (!timeout_) return;
  alarm_ = loop.call_later(
      *timeout_, [this] { time_out(); }, where_);
}

void ChannelWait::enter(ChannelCore::Line& line, State state) noexcept {
  pending_ = true;
  waiter_.state = state;
  if (state == State::waiting) {
    waiter_.link_behind(line);
  } else {
    go_on();
  }
}

void ChannelWait::go_on() noexcept {
  disarm();
  resume();
}

void ChannelWait::time_out() noexcept {
  const auto lock = core_->lock();
  alarm_ = {};
  if (waiter_.state != State::waiting) return;
  waiter_.state = State::timed_out;
  waiter_.unlink();
  resume();
}

void ChannelWait::disarm() noexcept {
  if (!alarm_) return;
  frame->scope->scheduler()->loop().remove_timeout(std::exchange(alarm_, {}));
}

bool ChannelWait::withdraw() noexcept {
  {
    const auto lock = core_->lock();
    if (waiter_.state != State::waiting) return false;
    waiter_.state = State::idle;
    waiter_.unlink();
  }
  disarm();
  return true;
}

bool ChannelWait::take_result() {
  pending_ = false;
  if (waiter_.state == State::timed_out) throw_error(Errc::timed_out, what_);
  return waiter_.state == State::served;
}

bool ChannelWait::leave(ChannelCore::Lock& lock) noexcept {
  if (!pending_) return false;
  lock = core_->lock();
  waiter_.unlink();
  return waiter_.state == State::served;
}

}  // namespace tornado::detail
