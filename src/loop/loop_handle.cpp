// SPDX-License-Identifier: Apache-2.0
#include "tornado/loop_handle.h"

#include <memory>
#include <string>
#include <utility>

#include "loop/mailbox.h"
#include "platform/system_error.h"
#include "tornado/error.h"

namespace tornado {

bool LoopHandle::add_callback(Callback callback, Location where) const {
  return mailbox_ && mailbox_->post(std::move(callback), where);
}

void LoopHandle::stop() const noexcept {
  if (mailbox_) mailbox_->stop();
}

bool LoopHandle::closed() const noexcept {
  return !mailbox_ || mailbox_->closed();
}

IOLoop* LoopHandle::loop() const noexcept {
  return mailbox_ ? mailbox_->loop() : nullptr;
}

IOLoop& LoopHandle::open_loop(std::string_view act) const {
  IOLoop* const open = loop();
  if (!open) throw_error(Errc::loop_closed, std::string(act));
  return *open;
}

bool LoopHandle::runs_elsewhere() const noexcept {
  return mailbox_ && mailbox_->runs_elsewhere();
}

bool LoopHandle::post(std::shared_ptr<detail::Arrival> arrival) const noexcept {
  return mailbox_ && mailbox_->post(std::move(arrival));
}

bool LoopHandle::post_from_signal(void (*invoke)(void*), const void* bytes,
                                  std::size_t size) const noexcept {
  return mailbox_ && mailbox_->post_from_signal(invoke, bytes, size);
}

}  // namespace tornado
