// SPDX-License-Identifier: Apache-2.0
#include "tornado/wait_line.h"

#include "platform/system_error.h"
#include "tornado/ioloop.h"

namespace tornado::detail {

void LineWait::enter(WaitLine& line) {
  if (timeout_) {
    alarm_ = frame->scope->scheduler()->loop().call_later(
        *timeout_, [this] { finish(End::timed_out); }, where_);
  }
  line_ = &line;
  link_behind(line.waiting_);
}

void LineWait::choose() noexcept {
  finish(End::chosen);
  link_behind(line_->chosen_);
}

void LineWait::choose_at_once(WaitLine& line) noexcept {
  end_ = End::chosen;
  link_behind(line.chosen_);
}

bool LineWait::expires_at_once() noexcept {
  if (!timeout_ || timeout_->get() > timeout_->get().zero()) return false;
  end_ = End::timed_out;
  return true;
}

void LineWait::finish(End end) noexcept {
  end_ = end;
  unlink();
  disarm();
  resume();
}

void LineWait::disarm() noexcept {
  if (!alarm_) return;
  frame->scope->scheduler()->loop().remove_timeout(std::exchange(alarm_, {}));
}

bool LineWait::withdraw() noexcept {
  if (end_ != End::none) return false;
  unlink();
  disarm();
  return true;
}

bool LineWait::take_result() {
  if (end_ == End::abandoned) throw_abandoned();
  unlink();
  return end_ == End::chosen;
}

void LineWait::check_result() {
  if (!take_result()) throw_error(Errc::timed_out, what_);
}

void LineWait::throw_abandoned() const {
  throw_error(Errc::abandoned, what_);
}

WaitLine::~WaitLine() {
  while (LineWait* const wait = first()) wait->finish(LineWait::End::abandoned);
  while (chosen_.linked()) chosen_.next->unlink();
}

}  // namespace tornado::detail
