// SPDX-License-Identifier: Apache-2.0
#include "tornado/locks.h"

#include <string_view>
#include <utility>

#include "platform/system_error.h"

namespace tornado {

using detail::LineWait;

void Condition::notify(std::size_t n) noexcept {
  for (; n > 0; --n) {
    LineWait* const wait = line_.first();
    if (!wait) return;
    wait->choose();
  }
}

void Condition::notify_all() noexcept {
  while (LineWait* const wait = line_.first()) {
    static_cast<Wait*>(wait)->notified_with_all_ = true;
    wait->choose();
  }
}

// The task was destroyed before it could act on the notification.
Condition::Wait::~Wait() {
  if (holds_result() && !notified_with_all_) condition_.notify();
}

void Event::set() noexcept {
  set_ = true;
  while (LineWait* const wait = line_.first()) wait->choose();
}

bool Event::Wait::ready() noexcept {
  if (!event_.set_) return expires_at_once();
  choose_at_once(event_.line_);
  return true;
}

// Semaphores.

Semaphore::Semaphore(const char* what, std::ptrdiff_t value, std::ptrdiff_t bound)
    : what_(what), value_(value), bound_(bound) {
  if (value >= 0) return;
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "Semaphore: negative value " + std::to_string(value));
}

Semaphore::~Semaphore() {
  while (held_.linked()) static_cast<SemaphorePermit*>(held_.next)->detach();
}

void Semaphore::release() {
  if (value_ == bound_) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "BoundedSemaphore::release: value() would exceed the first value");
  }
  give_back();
}

// A permit must be able to end after a release() too many.
void Semaphore::give_back() noexcept {
  if (auto* const wait = static_cast<Acquire*>(line_.first())) {
    wait->permit_.hold(*this, wait->where());
    wait->choose();
  } else if (value_ < bound_) {
    ++value_;
  }
}

void Semaphore::release_holder() noexcept {
  if (held_.linked()) {
    static_cast<SemaphorePermit*>(held_.next)->release();
  } else {
    give_back();
  }
}

// "tornado::Task<> server::serve(int)" to "server::serve"
static std::string function_name(const std::source_location& where) {
  std::string_view name = where.function_name();
  name = name.substr(0, name.find('('));
  return std::string(name.substr(name.rfind(' ') + 1));
}

std::string Semaphore::describe_wait() const {
  if (bound_ != 1 || !held_.linked()) return what_;
  const std::source_location& where =
      static_cast<const SemaphorePermit*>(held_.next)->where_;
  const std::string_view file = where.file_name();
  return std::string(what_)
      .append(" held by ")
      .append(function_name(where))
      .append(" (")
      .append(file.substr(file.find_last_of("/\\") + 1))
      .append(":")
      .append(std::to_string(where.line()))
      .append(")");
}

bool Semaphore::Acquire::ready() noexcept {
  if (semaphore_.value_ == 0) return expires_at_once();
  --semaphore_.value_;
  permit_.hold(semaphore_, where());
  choose_at_once(semaphore_.line_);
  return true;
}

SemaphorePermit Semaphore::Acquire::result() {
  check_result();
  if (!permit_) throw_abandoned();
  return std::move(permit_);
}

std::string Semaphore::Acquire::describe() const {
  return semaphore_.describe_wait();
}

void Lock::release() {
  if (!locked()) {
    throw_error(std::make_error_code(std::errc::operation_not_permitted),
                "Lock::release: not locked");
  }
  release_holder();
}

}  // namespace tornado
