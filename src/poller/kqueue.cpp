// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <array>
#include <vector>

#include "platform/fd.h"
#include "platform/fork_epoch.h"
#include "platform/kernel_queue.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t first_buffer = 64;
constexpr std::size_t largest_buffer = 4096;
// macOS takes 100,000,000 seconds and no more.
constexpr nanoseconds longest_wait = std::chrono::hours(24 * 365);

constexpr std::array<int, 2> filters = {EVFILT_READ, EVFILT_WRITE};

constexpr Events told_by(int filter) noexcept {
  return filter == EVFILT_READ ? Events::read : Events::write;
}

constexpr bool is_for_errors_alone(Events interest) noexcept {
  return has(interest, Events::error) && !has(interest, Events::read | Events::write);
}

/// How a filter is registered for an interest; 0: not at all.
unsigned flags_for(Events interest, int filter) noexcept {
  // No filter reports hang-ups alone. EV_CLEAR keeps other events from repeating.
  if (is_for_errors_alone(interest)) return EV_ADD | EV_CLEAR;
  if (!has(interest, told_by(filter))) return 0;
  unsigned flags = EV_ADD;
  if (has(interest, Events::edge)) flags |= EV_CLEAR;
  if (has(interest, Events::one_shot)) flags |= EV_ONESHOT;
  return flags;
}

short to_poll(Events events) noexcept {
  int mask = 0;
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

/// A filter for reading and one for writing, of a set that the kernel keeps by number.
/// The kernel drops closed descriptors. An event for a number is therefore about the
/// file that was registered, and the rest is looked up here.
class Kqueue final : public Poller {
 public:
  Kqueue() : queue_(make_kernel_queue()), buffer_(first_buffer) {
    tag_descriptor(queue_.get(), "IOLoop");
  }
  // In a forked child, which does not inherit it, the number is not ours to close.
  ~Kqueue() override {
    if (epoch_ != fork_epoch()) (void)queue_.release();
  }

  PollerKind kind() const noexcept override { return PollerKind::kqueue; }
  Events modes() const noexcept override { return Events::edge | Events::one_shot; }

  void add(NativeFd fd, Events events, Token token) override {
    put("kqueue add", fd, events, token);
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("kqueue modify", fd, events, token);
  }

  void remove(NativeFd fd) noexcept override {
    if (fd < 0 || static_cast<std::size_t>(fd) >= watches_.size()) return;
    Changes changes(queue_.get());
    for (const int filter : filters) {
      if (flags_for(at(fd).interest, filter) != 0) changes.add(fd, filter, EV_DELETE);
    }
    (void)changes.apply();
    forget(fd);
  }

  std::span<const Ready> wait(nanoseconds timeout) override {
    ready_.clear();
    found_.clear();
    const KernelTimeout kernel_timeout(ended_.empty() ? std::min(timeout, longest_wait)
                                                      : nanoseconds::zero());
    const int n = ::kevent(queue_.get(), nullptr, 0, buffer_.data(),
                           static_cast<int>(buffer_.size()), kernel_timeout.get());
    if (n == -1 && errno != EINTR) throw_errno(act_on("kevent", queue_.get()));
    for (int i = 0; i < n; ++i) collect(buffer_[static_cast<std::size_t>(i)]);
    for (const NativeFd fd : ended_) found(fd).ended = true;
    look_at_ends();
    tell();
    if (n > 0 && static_cast<std::size_t>(n) == buffer_.size() &&
        buffer_.size() < largest_buffer) {
      buffer_.resize(buffer_.size() * 2);
    }
    return ready_;
  }

 private:
  struct Watch {
    Token token = 0;
    Events interest = Events::none;  // none: not registered, or a spent one_shot
    std::size_t found = 0;           // where it is in found_, if it is there
  };

  struct Found {
    NativeFd fd;
    Events events = Events::none;
    bool ended = false;  // of one side at least: what that means is to be looked up
  };

  /// Some changes at once, each of which has its own result.
  class Changes {
   public:
    explicit Changes(NativeFd queue) noexcept : queue_(queue) {}

    void add(NativeFd fd, int filter, unsigned flags) noexcept {
      list_[size_++] = make_kernel_event(fd, filter, flags | EV_RECEIPT);
    }
    /// The errno of each, or 0.
    std::span<const struct kevent> apply() noexcept {
      if (size_ == 0) return {};
      const int size = static_cast<int>(size_);
      const auto call = [&] {
        return ::kevent(queue_, list_.data(), size, list_.data(), size, nullptr);
      };
      if (retry_eintr(call) == size) return std::span(list_).first(size_);
      for (auto& change : list_) change.data = errno;
      return std::span(list_).first(size_);
    }

   private:
    NativeFd queue_;
    std::array<struct kevent, 4> list_{};
    std::size_t size_ = 0;
  };

  Watch& at(NativeFd fd) noexcept { return watches_[static_cast<std::size_t>(fd)]; }

  void put(const char* act, NativeFd fd, Events events, Token token) {
    make_room(act, fd);
    forget_end(fd);
    // A known filter keeps the flags that it was added with, so that others need a new
    // one; and is added again even if they are the same: the number may mean another
    // file by now, of which the kernel knows nothing.
    Changes changes(queue_.get());
    for (const int filter : filters) {
      const unsigned before = flags_for(at(fd).interest, filter);
      const unsigned after = flags_for(events, filter);
      if (before != 0 && before != after) changes.add(fd, filter, EV_DELETE);
      if (after != 0) changes.add(fd, filter, after);
    }
    int error = 0;
    bool added = false;
    for (const auto& result : changes.apply()) {
      // What is not there any more need not be deleted.
      if (result.data == ENOENT) continue;
      if (result.data != 0) error = static_cast<int>(result.data);
      added |= result.data == 0 && flags_for(events, result.filter) != 0;
    }
    at(fd).token = token;
    at(fd).interest = events;
    if (error == 0 || (added && is_for_errors_alone(events))) return;
    // The kernel refuses the writing end of a pipe without a reader, which stays ready.
    if (error == EPIPE) return ended_.push_back(fd);
    remove(fd);
    throw_error({error, std::system_category()}, act_on(act, fd));
  }

  void make_room(const char* act, NativeFd fd) {
    const auto size = static_cast<std::size_t>(fd) + 1;
    if (fd >= 0 && size <= watches_.size()) return;
    check(act, fd, Events::none);
    const std::size_t room = std::max(size, 2 * watches_.size());
    ended_.reserve(room);
    watches_.resize(room);
  }

  // The filter that has told is gone; another has to be taken out.
  void spend(NativeFd fd) noexcept {
    const Events interest = at(fd).interest;
    const bool both =
        flags_for(interest, EVFILT_READ) != 0 && flags_for(interest, EVFILT_WRITE) != 0;
    both ? remove(fd) : forget(fd);
  }

  void forget(NativeFd fd) noexcept {
    at(fd).interest = Events::none;
    forget_end(fd);
  }
  void forget_end(NativeFd fd) noexcept {
    if (!ended_.empty()) std::erase(ended_, fd);
  }

  /// One for both filters of a descriptor.
  Found& found(NativeFd fd) {
    std::size_t& index = at(fd).found;
    if (index >= found_.size() || found_[index].fd != fd) {
      index = found_.size();
      found_.push_back({fd});
    }
    return found_[index];
  }

  void collect(const struct kevent& event) {
    const auto fd = static_cast<NativeFd>(event.ident);
    Found& one = found(fd);
    one.events |= told_by(event.filter) & at(fd).interest;
    one.ended |= (event.flags & EV_EOF) != 0;
  }

  // A filter tells that its side has ended, and not whether the other has: that a peer
  // only writes no more is no hang-up. A look with poll, which does not wait, tells, so
  // that handlers are told the same by every poller.
  void look_at_ends() {
    looked_at_.clear();
    for (const Found& one : found_) {
      if (one.ended) looked_at_.push_back({one.fd, to_poll(at(one.fd).interest), 0});
    }
    if (looked_at_.empty()) return;
    const auto size = static_cast<nfds_t>(looked_at_.size());
    if (::poll(looked_at_.data(), size, 0) <= 0) return;
    auto look = looked_at_.begin();
    for (Found& one : found_) {
      if (!one.ended) continue;
      const short result = (look++)->revents;
      if (result & POLLNVAL) {
        one.events = Events::none;
        forget(one.fd);
      } else if (result != 0) {
        one.events = from_poll(result);
      }
    }
  }

  void tell() {
    for (const Found& one : found_) {
      if (one.events == Events::none) continue;
      Watch& watch = at(one.fd);
      ready_.push_back({watch.token, one.events});
      if (has(watch.interest, Events::one_shot)) {
        spend(one.fd);
      } else if (has(watch.interest, Events::edge)) {
        forget_end(one.fd);
      } else if (is_for_errors_alone(watch.interest)) {
        forget_end(one.fd);
        ended_.push_back(one.fd);  // its filters are silent from now on
      }
    }
  }

  UniqueFd queue_;
  std::uint64_t epoch_ = fork_epoch();
  std::vector<Watch> watches_;   // by descriptor
  std::vector<NativeFd> ended_;  // those of which the kernel tells nothing
  std::vector<struct kevent> buffer_;
  std::vector<Found> found_;
  std::vector<pollfd> looked_at_;
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend kqueue_backend = {
    PollerKind::kqueue, "kqueue",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Kqueue>(); }};

}  // namespace tornado
