// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>
#include <vector>

#include "poller/poller.h"

namespace tornado {

/// What Calls has: Polled, of the shape of pollfd; call(), which throws, and gives how
/// many are ready; to_system() and from_system(), of events; and `gone`, the bit of a
/// closed descriptor. check() throws for what cannot be waited for.
template <class Calls>
class PollSet final : public Poller {
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
    if (Calls::call(polled_, timeout) > 0) collect();
    return ready_;
  }

 private:
  void put(const char* act, NativeFd fd, Events events, Token token) {
    check(act, fd, events);
    Calls::check(act, fd);
    const auto [at, inserted] = index_.try_emplace(fd, polled_.size());
    if (inserted) extend(at);
    polled_[at->second] = {fd, Calls::to_system(events), 0};
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
      if (result & Calls::gone) {
        remove(polled_[i].fd);
      } else if (result != 0) {
        ready_.push_back({tokens_[i], Calls::from_system(polled_[i].events, result)});
      }
    }
  }

  std::vector<typename Calls::Polled> polled_;
  std::vector<Token> tokens_;  // of the same index
  std::unordered_map<NativeFd, std::size_t> index_;
  std::vector<Ready> ready_;
};

}  // namespace tornado
