// SPDX-License-Identifier: Apache-2.0
#include "platform/kernel_queue.h"
#include "platform/system_error.h"
#include "platform/wake_mechanism.h"

namespace tornado {
namespace {

constexpr int only_ident = 0;

bool change(NativeFd queue, unsigned flags, unsigned notes) noexcept {
  const struct kevent event = make_kernel_event(only_ident, EVFILT_USER, flags, notes);
  return retry_eintr([&] { return ::kevent(queue, &event, 1, nullptr, 0, nullptr); }) !=
         -1;
}

FdPair open_kqueue() {
  UniqueFd queue = make_kernel_queue();
  if (!change(queue.get(), EV_ADD | EV_CLEAR, 0)) {
    throw_errno(act_on("kevent EVFILT_USER", queue.get()));
  }
  return {std::move(queue), UniqueFd()};
}

void signal_kqueue(NativeFd writer) noexcept {
  (void)change(writer, 0, NOTE_TRIGGER);
}

// The queue is readable until kevent() returns its event, because of EV_CLEAR.
bool drain_kqueue(NativeFd reader) noexcept {
  struct kevent event {};
  const timespec at_once{};
  return retry_eintr(
             [&] { return ::kevent(reader, nullptr, 0, &event, 1, &at_once); }) != -1;
}

}  // namespace

const WakeMechanism wake_by_kqueue = {
    .kind = WakerKind::kqueue,
    .name = "kqueue",
    .open = &open_kqueue,
    .signal = &signal_kqueue,
    .drain = &drain_kqueue,
    .inherited = false,
};

}  // namespace tornado
