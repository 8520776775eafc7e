// SPDX-License-Identifier: Apache-2.0
#include "tornado/registration.h"

#include <utility>

#include "loop/loop_core.h"
#include "platform/system_error.h"

namespace tornado {

Registration::Registration(IOLoop& loop, NativeFd fd, IOLoop::Handler handler,
                           Events events, Location where) {
  loop.add_handler(fd, std::move(handler), events, where);
  own(loop, fd);
}

Registration::Registration(Registration&& other) noexcept
    : mailbox_(std::move(other.mailbox_)),
      fd_(std::exchange(other.fd_, invalid_fd)),
      generation_(other.generation_) {}

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  reset();
  mailbox_ = std::move(other.mailbox_);
  fd_ = std::exchange(other.fd_, invalid_fd);
  generation_ = other.generation_;
  return *this;
}

void Registration::own(IOLoop& loop, NativeFd fd) noexcept {
  mailbox_ = loop.impl_->mailbox;
  fd_ = fd;
  generation_ = loop.impl_->handlers.latest();
}

void Registration::update(Events events) {
  IOLoop* const loop = mailbox_ ? mailbox_->owner() : nullptr;
  if (loop) {
    loop->impl_->check("update_handler");
    const HandlerTable::Entry* const entry = loop->impl_->handlers.find(fd_);
    if (entry && entry->generation == generation_) {
      return loop->update_handler(fd_, events);
    }
  }
  throw_error(loop || !mailbox_
                  ? std::make_error_code(std::errc::no_such_file_or_directory)
                  : make_error_code(Errc::loop_closed),
              act_on("update_handler", fd_));
}

// Empty before the handler is destroyed, as that may destroy this object.
void Registration::reset() noexcept {
  const auto mailbox = std::move(mailbox_);
  const NativeFd fd = release();
  if (fd == invalid_fd) return;
  IOLoop::Impl::take_back(*mailbox, [fd, generation = generation_](auto& impl) {
    HandlerTable::Entry* const entry = impl.handlers.find(fd);
    if (!entry || entry->generation != generation) return false;
    impl.remove(*entry);
    return true;
  });
}

NativeFd Registration::release() noexcept {
  mailbox_.reset();
  return std::exchange(fd_, invalid_fd);
}

Timeout::Timeout(IOLoop& loop, TimePoint deadline, Callback callback, Location where)
    : mailbox_(loop.impl_->mailbox),
      timeout_(loop.call_at(deadline, std::move(callback), where)) {}

Timeout::Timeout(IOLoop& loop, Delay delay, Callback callback, Location where)
    : mailbox_(loop.impl_->mailbox),
      timeout_(loop.call_later(delay, std::move(callback), where)) {}

Timeout::Timeout(Timeout&& other) noexcept
    : mailbox_(std::move(other.mailbox_)), timeout_(other.release()) {}

Timeout& Timeout::operator=(Timeout&& other) noexcept {
  if (this == &other) return *this;
  reset();
  mailbox_ = std::move(other.mailbox_);
  timeout_ = other.release();
  return *this;
}

bool Timeout::update(TimePoint deadline) {
  IOLoop* const loop = mailbox_ ? mailbox_->loop() : nullptr;
  return loop && loop->update_timeout(timeout_, deadline);
}

bool Timeout::reset() noexcept {
  const auto mailbox = std::move(mailbox_);
  const TimeoutHandle timeout = release();
  return timeout && IOLoop::Impl::take_back(*mailbox, [timeout](auto& impl) {
           return impl.remove(timeout);
         });
}

TimeoutHandle Timeout::release() noexcept {
  mailbox_.reset();
  return std::exchange(timeout_, {});
}

}  // namespace tornado
