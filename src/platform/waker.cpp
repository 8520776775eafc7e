// SPDX-License-Identifier: Apache-2.0
#include "tornado/waker.h"

#include <memory>
#include <utility>

#include "platform/choice.h"
#include "platform/std_memory.h"
#include "platform/wake_ends.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_protocol.h"

namespace tornado {

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
void Waker::set_door(UniqueFd door) {
  state_->ends().set_door(std::move(door));
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
