// SPDX-License-Identifier: Apache-2.0
#include "tornado/waker.h"

#include <atomic>

#include "platform/choice.h"
#include "platform/descriptor_maker.h"
#include "platform/descriptors.h"
#include "platform/fork_epoch.h"
#include "platform/std_memory.h"
#include "platform/system_error.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_protocol.h"

namespace tornado {
namespace {

/// The descriptors of a waker. Their numbers stay when they are replaced, so that a
/// wake() under way on another thread writes into the old ends or the new ones and
/// never elsewhere.
class WakeEnds {
 public:
  explicit WakeEnds(const WakeMechanism& m) : mechanism_(m) {
    FdPair ends = m.open();
    reader_ = ends.first.release();
    writer_ = ends.second.release();
    set_maker(reader(), "Waker");
    set_maker(writer(), "Waker");
  }

  WakerKind kind() const noexcept { return mechanism_.kind; }
  NativeFd reader() const noexcept { return reader_.load(); }
  /// The reader itself, if one descriptor is both.
  NativeFd writer() const noexcept {
    const NativeFd own = writer_.load();
    return own == invalid_fd ? reader() : own;
  }

  static std::uint64_t process() noexcept { return fork_epoch(); }
  void signal() noexcept {
    ErrnoKeeper keep;
    mechanism_.signal(writer());
  }
  bool drain() noexcept {
    ErrnoKeeper keep;
    return mechanism_.drain(reader());
  }

  FdPair open() const { return mechanism_.open(); }

  // The writer goes first, here and below: were the reader gone before it, a write in
  // between would raise SIGPIPE.
  void replace(FdPair fresh) {
    if (fresh.second) tornado::replace(writer(), std::move(fresh.second));
    tornado::replace(reader(), std::move(fresh.first));
  }

  // In a forked child more than one thread may come here: each number is closed by the
  // one that takes it.
  void release() noexcept {
    for (std::atomic<NativeFd>* end : {&writer_, &reader_}) {
      const NativeFd fd = end->exchange(invalid_fd);
      if (fd != invalid_fd) (void)try_close(fd);
    }
  }

 private:
  const WakeMechanism& mechanism_;
  std::atomic<NativeFd> reader_{invalid_fd};
  std::atomic<NativeFd> writer_{invalid_fd};
};

}  // namespace

struct Waker::State : WakeProtocol<StdMemory, WakeEnds> {
  using WakeProtocol::WakeProtocol;
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Waker::Waker(WakerKind kind)
    : state_(choose(wake_mechanisms(), kind, "TORNADO_WAKER", Errc::no_waker,
                    [](const WakeMechanism& mechanism) {
                      return std::make_unique<State>(mechanism);
                    })) {}

Waker::~Waker() = default;

WakerKind Waker::kind() const noexcept {
  return state_->ends().kind();
}
NativeFd Waker::fileno() const noexcept {
  return state_->ends().reader();
}
NativeFd Waker::write_fileno() const noexcept {
  return state_->ends().writer();
}
void Waker::wake() noexcept {
  state_->wake();
}
bool Waker::consume() noexcept {
  return state_->consume();
}
bool Waker::answer() noexcept {
  return state_->answer();
}
bool Waker::arm() noexcept {
  return state_->arm();
}
void Waker::disarm() noexcept {
  state_->disarm();
}
void Waker::rebuild() {
  state_->rebuild();
}
void Waker::close() noexcept {
  state_->close();
}
WakerCounters Waker::counters() const noexcept {
  return {state_->written(), state_->coalesced(), state_->rebuilt()};
}

}  // namespace tornado
