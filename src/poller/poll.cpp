// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <unordered_map>
#include <vector>

#include "platform/system_error.h"
#include "poller/backends.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

short to_poll(Events events) noexcept {
  int mask = 0;  // POLLERR and POLLHUP are always reported
  if (has(events, Events::read)) mask |= POLLIN;
  if (has(events, Events::write)) mask |= POLLOUT;
  return static_cast<short>(mask);
}

Events from_poll(short mask) noexcept {
  Events events = Events::none;
  if (mask & POLLIN) events |= Events::read;
  if (mask & POLLOUT) events |= Events::write;
  if (mask & (POLLERR | POLLHUP)) events |= Events::error;
  return events;
}

class Poll final : public Poller {
 public:
  PollerKind kind() const noexcept override { return PollerKind::poll; }
  Events modes() const noexcept override { return Events::none; }

  void add(NativeFd fd, Events events, Token token) override {
    put("poll add", fd, events, token);
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("poll modify", fd, events, token);
  }

  void remove(NativeFd fd) noexcept override {
    const auto found = index_.find(fd);
    if (found == index_.end()) return;
    const std::size_t hole = found->second;
    const std::size_t last = polled_.size() - 1;
    index_.erase(found);
    if (hole != last) {
      polled_[hole] = polled_[last];
      tokens_[hole] = tokens_[last];
      index_.find(polled_[hole].fd)->second = hole;
    }
    polled_.pop_back();
    tokens_.resize(last);
  }

  std::span<const Ready> wait(std::chrono::nanoseconds timeout) override {
    ready_.clear();
    const KernelTimeout kernel_timeout(timeout);
    const int n =
        ::ppoll(polled_.data(), polled_.size(), kernel_timeout.get(), nullptr);
    if (n == -1 && errno != EINTR) throw_errno("ppoll");
    if (n > 0) collect();
    return ready_;
  }

 private:
  void put(const char* act, NativeFd fd, Events events, Token token) {
    check_pollable(act, fd, events, modes());
    const auto [at, inserted] = index_.try_emplace(fd, polled_.size());
    if (inserted) extend(at);
    polled_[at->second] = {fd, to_poll(events), 0};
    tokens_[at->second] = token;
  }

  void extend(std::unordered_map<NativeFd, std::size_t>::iterator fresh) {
    try {
      tokens_.resize(polled_.size() + 1);
      polled_.emplace_back();
    } catch (...) {
      tokens_.resize(polled_.size());
      index_.erase(fresh);
      throw;
    }
  }

  void collect() {
    // From the back, since remove() moves the last one into the hole.
    for (std::size_t i = polled_.size(); i-- > 0;) {
      const short result = polled_[i].revents;
      if (result & POLLNVAL) {
        remove(polled_[i].fd);
      } else if (result != 0) {
        ready_.push_back({tokens_[i], from_poll(result)});
      }
    }
  }

  std::vector<pollfd> polled_;
  std::vector<Token> tokens_;  // of the same index
  std::unordered_map<NativeFd, std::size_t> index_;
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend poll_backend = {
    PollerKind::poll, "poll",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Poll>(); }};

}  // namespace tornado
