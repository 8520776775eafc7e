// SPDX-License-Identifier: Apache-2.0
#include "tornado/waker.h"

#include <memory>
#include <utility>

#include "platform/fd.h"
#include "platform/loop_waker.h"
#include "platform/select_backend.h"
#include "platform/system_error.h"

namespace tornado {

WakeEnds::WakeEnds(const WakeMechanism& mechanism, FdPair ends) noexcept
    : mechanism_(mechanism),
      reader_(ends.first.release()),
      writer_(ends.second.release()) {
  tag_descriptor(reader(), "Waker");
  tag_descriptor(writer(), "Waker");
}

void WakeEnds::signal() noexcept {
  ErrnoKeeper keep;
  const NativeFd port = port_.load();
  if (port != invalid_fd && post_.load()(port)) return;
  mechanism_.signal(writer());
}

bool WakeEnds::drain() noexcept {
  ErrnoKeeper keep;
  return mechanism_.drain(reader());
}

// A wake() that posts to the old port has set the flag before, which the sleeper finds
// before it sleeps again. But the number of the old port must not be reused yet.
void WakeEnds::set_port(WakePort port) {
  const NativeFd old = port_.load();
  if (port.fd) post_ = port.post;
  if (old != invalid_fd && port.fd) {
    put(port_, std::move(port.fd));
    return;
  }
  if (port.fd) tag_descriptor(port.fd.get(), "Waker");
  port_ = port.fd.release();
  const NativeFd older = old_port_.exchange(old);
  if (older != invalid_fd) (void)try_close(older);
}

// The writer goes first, here and in release(): without a reader, a write would raise
// SIGPIPE.
void WakeEnds::replace(FdPair fresh) {
  set_port({});
  if (lost()) {
    reader_ = fresh.first.release();
    tag_descriptor(reader(), "Waker");
  } else {
    keep_old_reader();
    if (fresh.second) put(writer_, std::move(fresh.second));
    put(reader_, std::move(fresh.first));
  }
  epoch_ = process();
}

// Several threads of a forked child may call this. The thread that takes a number out
// closes it.
void WakeEnds::release() noexcept {
  for (std::atomic<NativeFd>* end :
       {&port_, &old_port_, &writer_, &reader_, &old_reader_}) {
    const NativeFd fd = end->exchange(invalid_fd);
    if (fd == invalid_fd || (end == &reader_ && lost())) continue;
    (void)try_close(fd);
  }
}

void WakeEnds::put(std::atomic<NativeFd>& end, UniqueFd fresh) {
  replaced_.reserve(replaced_.size() + 1);
  Replaced result = tornado::replace(end, std::move(fresh));
  if (!result.old) return;
  end = result.number;
  tag_descriptor(result.number, "Waker");
  replaced_.push_back(std::move(result.old));
}

// Another thread may be writing to the old ends in the kernel. A forked child has no
// other threads.
void WakeEnds::keep_old_reader() {
  if (!mechanism_.needs_reader || epoch_ != process()) return;
  UniqueFd copy = duplicate(reader());
  tag_descriptor(copy.get(), "Waker");
  const NativeFd older = old_reader_.exchange(copy.release());
  if (older != invalid_fd) (void)try_close(older);
}

LoopWaker::Opened LoopWaker::open(WakerKind kind) {
  return select_by_kind(wake_mechanisms(), kind, "TORNADO_WAKER", Errc::no_waker,
                        [](const WakeMechanism& mechanism) {
                          return Opened(&mechanism, mechanism.open());
                        });
}

struct Waker::State : LoopWaker {
  using LoopWaker::LoopWaker;
};

Waker::Waker(WakerKind kind) : state_(std::make_unique<State>(kind)) {}
Waker::~Waker() = default;

WakerKind Waker::kind() const noexcept {
  return state_->kind();
}
NativeFd Waker::fileno() const noexcept {
  return state_->fileno();
}
NativeFd Waker::write_fileno() const noexcept {
  return state_->write_fileno();
}
void Waker::wake() noexcept {
  state_->wake();
}
bool Waker::consume() noexcept {
  return state_->consume();
}
void Waker::rebuild() {
  state_->rebuild();
}
void Waker::close() noexcept {
  state_->close();
}
WakerCounters Waker::counters() const noexcept {
  return state_->counters();
}

}  // namespace tornado
