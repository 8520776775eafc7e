// SPDX-License-Identifier: Apache-2.0
#include "fake_poller.h"

#include <vector>

#include "poller/poller.h"

namespace tornado {
namespace {

class FakePoller final : public Poller {
 public:
  PollerKind kind() const noexcept override { return PollerKind::epoll; }
  Events modes() const noexcept override { return Events::none; }
  void add(NativeFd fd, Events events, Token token) override {
    if (fd >= bench::first_fake_fd) ready_.push_back({token, events});
  }
  void modify(NativeFd, Events, Token) override {}
  void remove(NativeFd) noexcept override {}
  std::span<const Ready> wait(std::chrono::nanoseconds) override { return ready_; }

 private:
  std::vector<Ready> ready_;
};

}  // namespace

// The linker finds this one before it looks into the library.
const PollerBackend epoll_backend = {
    PollerKind::epoll, "epoll",
    []() -> std::unique_ptr<Poller> { return std::make_unique<FakePoller>(); }};

}  // namespace tornado
