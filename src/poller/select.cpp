// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/select.h>

#include <map>
#include <vector>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

class Select final : public Poller {
 public:
  Select() noexcept {
    FD_ZERO(&read_);
    FD_ZERO(&write_);
  }

  PollerKind kind() const noexcept override { return PollerKind::select; }
  Events modes() const noexcept override { return Events::none; }
  bool supports(Events events) const noexcept override {
    // select() reports an error by the bits of reading and writing.
    return has(events, Events::read | Events::write) && Poller::supports(events);
  }

  void add(NativeFd fd, Events events, Token token) override {
    put("select add", fd, events, token);
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("select modify", fd, events, token);
  }

  void remove(NativeFd fd) noexcept override {
    if (tokens_.erase(fd) == 0) return;
    FD_CLR(fd, &read_);
    FD_CLR(fd, &write_);
  }

  std::span<const Ready> wait(std::chrono::nanoseconds timeout) override {
    ready_.clear();
    fd_set readable = read_;
    fd_set writable = write_;
    const int limit = tokens_.empty() ? 0 : tokens_.rbegin()->first + 1;
    const KernelTimeout kernel_timeout(timeout);
    const int n =
        ::pselect(limit, &readable, &writable, nullptr, kernel_timeout.get(), nullptr);
    if (n > 0) {
      collect(readable, writable);
    } else if (n == -1 && errno == EBADF) {
      forget_closed();
    } else if (n == -1 && errno != EINTR) {
      throw_errno("pselect");
    }
    return ready_;
  }

 private:
  void put(const char* act, NativeFd fd, Events events, Token token) {
    // FD_SET does not check the number, and writes beyond the end of the fd_set.
    if (fd >= FD_SETSIZE) {
      throw_error(
          std::make_error_code(std::errc::invalid_argument),
          act_on(act, fd) + ", beyond FD_SETSIZE " + std::to_string(FD_SETSIZE));
    }
    check(act, fd, events);
    tokens_.insert_or_assign(fd, token);
    mark(fd, read_, has(events, Events::read));
    mark(fd, write_, has(events, Events::write));
  }

  static void mark(NativeFd fd, fd_set& set, bool on) noexcept {
    if (on) {
      FD_SET(fd, &set);
    } else {
      FD_CLR(fd, &set);
    }
  }

  // select does not tell data from a hang-up. A look with poll, which does not wait,
  // does, so that handlers are told the same by every poller.
  void collect(const fd_set& readable, const fd_set& writable) {
    looked_at_.clear();
    for (const auto& [fd, token] : tokens_) {
      Events events = Events::none;
      if (FD_ISSET(fd, &readable)) events |= Events::read;
      if (FD_ISSET(fd, &writable)) events |= Events::write;
      if (events == Events::none) continue;
      ready_.push_back({token, events});
      looked_at_.push_back({fd, 0, 0});
    }
    if (::poll(looked_at_.data(), static_cast<nfds_t>(looked_at_.size()), 0) <= 0)
      return;
    for (std::size_t i = 0; i < looked_at_.size(); ++i) {
      if (looked_at_[i].revents & (POLLERR | POLLHUP))
        ready_[i].events |= Events::error;
    }
  }

  void forget_closed() noexcept {
    for (auto at = tokens_.begin(); at != tokens_.end();) {
      const NativeFd fd = (at++)->first;
      if (!is_open(fd)) remove(fd);
    }
  }

  std::map<NativeFd, Token> tokens_;
  fd_set read_;
  fd_set write_;
  std::vector<pollfd> looked_at_;  // of the same index as ready_
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend select_backend = {
    PollerKind::select, "select",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Select>(); }};

}  // namespace tornado
