// SPDX-License-Identifier: Apache-2.0
#include <linux/time_types.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "poller/timeout.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441  // Linux 5.11, the same number on every architecture
#endif

namespace tornado {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t first_buffer = 64;
constexpr std::size_t largest_buffer = 4096;

std::uint32_t to_epoll(Events events) noexcept {
  std::uint32_t mask = 0;  // EPOLLERR and EPOLLHUP are always reported
  if (has(events, Events::read)) mask |= EPOLLIN;
  if (has(events, Events::write)) mask |= EPOLLOUT;
  if (has(events, Events::edge)) mask |= EPOLLET;
  if (has(events, Events::one_shot)) mask |= EPOLLONESHOT;
  return mask;
}

Events from_epoll(std::uint32_t mask) noexcept {
  Events events = Events::none;
  if (mask & EPOLLIN) events |= Events::read;
  if (mask & EPOLLOUT) events |= Events::write;
  if (mask & (EPOLLERR | EPOLLHUP)) events |= Events::error;
  return events;
}

class Epoll final : public Poller {
 public:
  Epoll()
      : epoll_(adopt(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        buffer_(first_buffer) {
    tag_descriptor(epoll_.get(), "IOLoop");
  }

  PollerKind kind() const noexcept override { return PollerKind::epoll; }
  Events modes() const noexcept override { return Events::edge | Events::one_shot; }

  // The kernel's set is keyed by number and file. If the number was closed and means
  // another file by now it is unknown (ENOENT); if a duplicate brought the same file
  // back it is still there (EEXIST). Both are what the other pollers call no mistake.
  void add(NativeFd fd, Events events, Token token) override {
    if (control(EPOLL_CTL_ADD, fd, events, token)) return;
    if (errno == EEXIST && control(EPOLL_CTL_MOD, fd, events, token)) return;
    throw_errno(act_on("epoll_ctl add", fd));
  }

  void modify(NativeFd fd, Events events, Token token) override {
    if (control(EPOLL_CTL_MOD, fd, events, token)) return;
    if (errno == ENOENT && control(EPOLL_CTL_ADD, fd, events, token)) return;
    throw_errno(act_on("epoll_ctl modify", fd));
  }

  void remove(NativeFd fd) noexcept override {
    // EBADF and ENOENT: closed before it was removed. If the file lives on under
    // another number, its events come with a token that the loop does not know.
    epoll_event unused{};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
  }

  std::span<const Ready> wait(nanoseconds timeout) override {
    ready_.clear();
    const int n = wait_in_kernel(timeout);
    if (n == -1 && errno != EINTR) throw_errno(act_on("epoll_wait", epoll_.get()));
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = buffer_[static_cast<std::size_t>(i)];
      ready_.push_back({event.data.u64, from_epoll(event.events)});
    }
    if (ready_.size() == buffer_.size() && buffer_.size() < largest_buffer) {
      buffer_.resize(buffer_.size() * 2);
    }
    return ready_;
  }

 private:
  bool control(int operation, NativeFd fd, Events events, Token token) noexcept {
    epoll_event event{};
    event.events = to_epoll(events);
    event.data.u64 = token;
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
  }

  int wait_in_kernel(nanoseconds timeout) noexcept {
    const int size = static_cast<int>(buffer_.size());
    if (precise_ && timeout > nanoseconds::zero()) {
      const auto spec = to_timespec<__kernel_timespec>(timeout);
      const long n = ::syscall(SYS_epoll_pwait2, epoll_.get(), buffer_.data(), size,
                               &spec, nullptr, std::size_t{0});
      // Before Linux 5.11, or forbidden by a filter.
      if (n != -1 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(n);
      precise_ = false;
    }
    return ::epoll_wait(epoll_.get(), buffer_.data(), size, to_milliseconds(timeout));
  }

  UniqueFd epoll_;
  std::vector<epoll_event> buffer_;
  std::vector<Ready> ready_;
  bool precise_ = true;
};

}  // namespace

const PollerBackend epoll_backend = {
    PollerKind::epoll, "epoll",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Epoll>(); }};

}  // namespace tornado
