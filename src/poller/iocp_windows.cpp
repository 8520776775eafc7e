// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/error_windows.h"
#include "platform/fd.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "poller/afd_windows.h"
#include "poller/poller.h"
#include "poller/timeout.h"
#include "tornado/time.h"

namespace tornado {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t first_packets = 64;
constexpr std::size_t most_packets = 4096;
constexpr nanoseconds longest_wait = std::chrono::hours(24 * 365);

UniqueFd make_port() {
  const HANDLE port = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  if (!port) throw_windows_error("CreateIoCompletionPort");
  return UniqueFd(as_fd(port));
}

/// A packet without an address is a wake.
bool post_packet(NativeFd port) noexcept {
  const LastErrorKeeper keep;
  return ::PostQueuedCompletionStatus(as_handle(port), 0, 0, nullptr);
}

ULONG to_afd(Events interest) noexcept {
  ULONG events = AfdEvents::abort | AfdEvents::connect_fail | AfdEvents::local_close;
  if (has(interest, Events::read)) {
    events |= AfdEvents::receive | AfdEvents::accept | AfdEvents::disconnect;
  }
  if (has(interest, Events::write)) events |= AfdEvents::send;
  return events;
}

Events from_afd(ULONG found) noexcept {
  Events events = Events::none;
  if (found & (AfdEvents::receive | AfdEvents::accept | AfdEvents::disconnect)) {
    events |= Events::read;
  }
  if (found & AfdEvents::send) events |= Events::write;
  if (found & (AfdEvents::abort | AfdEvents::connect_fail)) events |= Events::error;
  return events;
}

/// A completion port, to which AFD sends a packet when a socket has become ready.
///
/// Each question is answered once, at once if there is something, and asked again by
/// the next wait: that makes a level of it. The driver lets go of a socket that is
/// closed, and says so. A question has an address of its own. Its answer is therefore
/// never taken for one about the next owner of the number.
class Iocp final : public Poller {
 public:
  Iocp() : port_(make_port()), afd_(open_afd(port_.get())), packets_(first_packets) {
    tag_descriptor(port_.get(), "IOLoop");
    tag_descriptor(afd_.get(), "IOLoop");
  }
  // The driver writes into the questions until their packets have come.
  ~Iocp() override {
    for (auto& [fd, watch] : watches_) withdraw(watch);
    while (asked_ > 0) {
      if (!take(-1)) return;  // and they are left to it
      for (const OVERLAPPED_ENTRY& packet : taken_) (void)question_of(packet);
    }
  }

  PollerKind kind() const noexcept override { return PollerKind::iocp; }
  Events modes() const noexcept override { return Events::none; }
  WakePort wake_port() override { return {duplicate(port_.get()), &post_packet}; }

  void add(NativeFd fd, Events events, Token token) override {
    put("iocp add", fd, events, token);
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("iocp modify", fd, events, token);
  }

  void remove(NativeFd fd) noexcept override {
    const auto found = watches_.find(fd);
    if (found == watches_.end()) return;
    withdraw(found->second);
    watches_.erase(found);
  }

  std::span<const Ready> wait(nanoseconds timeout) override {
    ready_.clear();
    const bool forever = timeout < nanoseconds::zero();
    const TimePoint end = Clock::now() + std::min(timeout, longest_wait);
    nanoseconds left = timeout;
    bool called = false;
    // Repeated, as withdrawn questions get packets too, and as Windows counts in ticks
    // and may return early.
    do {
      ask();
      if (!ready_.empty()) left = nanoseconds::zero();
      if (!take(to_milliseconds(left))) throw_port();
      called = collect();
      if (!forever) left = std::max(end - Clock::now(), nanoseconds::zero());
    } while (ready_.empty() && !called && left != nanoseconds::zero());
    return ready_;
  }

 private:
  struct Question;

  struct Watch {
    NativeFd fd;
    NativeFd base = invalid_fd;
    Token token = 0;
    Events interest = Events::none;
    Question* question = nullptr;  // the driver's
  };

  struct Question : AfdQuestion {
    Watch* watch = nullptr;  // null: withdrawn
  };

  void put(const char* act, NativeFd fd, Events events, Token token) {
    check(act, fd, events);
    check_socket(act, fd);
    unasked_.reserve(unasked_.size() + 1);
    Watch& watch = watches_.try_emplace(fd, Watch{fd}).first->second;
    // Even if the events are the same: the number may mean another socket by now.
    withdraw(watch);
    watch.base = base_socket(fd);
    watch.token = token;
    watch.interest = events;
    unasked_.push_back(fd);
  }

  void withdraw(Watch& watch) noexcept {
    Question* const question = std::exchange(watch.question, nullptr);
    if (!question) return;
    question->watch = nullptr;
    question->cancel(afd_.get());
  }

  // A question that the driver refuses is reported, and asked again by the next wait.
  void ask() {
    const std::size_t size = unasked_.size();
    for (std::size_t i = 0; i < size; ++i) {
      const auto found = watches_.find(unasked_[i]);
      if (found != watches_.end() && !found->second.question) ask(found->second);
    }
    unasked_.erase(unasked_.begin(),
                   unasked_.begin() + static_cast<std::ptrdiff_t>(size));
    // So that no packet is lost for want of memory.
    unasked_.reserve(unasked_.size() + packets_.size());
    ready_.reserve(ready_.size() + packets_.size());
  }

  void ask(Watch& watch) {
    auto question = std::make_unique<Question>();
    question->watch = &watch;
    const std::error_code error =
        question->ask(afd_.get(), watch.base, to_afd(watch.interest));
    if (!error) {
      watch.question = question.release();
      ++asked_;
    } else if (is_socket(watch.fd)) {
      tell(watch, Events::error);
    } else {
      forget(watch.fd);
    }
  }

  /// Fills taken_. False: the port is dead.
  bool take(int milliseconds) noexcept {
    ULONG count = 0;
    if (!::GetQueuedCompletionStatusEx(as_handle(port_.get()), packets_.data(),
                                       static_cast<ULONG>(packets_.size()), &count,
                                       static_cast<DWORD>(milliseconds), FALSE)) {
      count = 0;
      taken_ = {};
      return ::GetLastError() == WAIT_TIMEOUT;
    }
    taken_ = std::span(packets_).first(count);
    return true;
  }

  /// Whether a wake was among them.
  bool collect() {
    bool called = false;
    for (const OVERLAPPED_ENTRY& packet : taken_) {
      if (!packet.lpOverlapped) {
        called = true;
      } else if (const auto question = question_of(packet); question->watch) {
        hear(*question->watch, question->answer());
      }
    }
    if (taken_.size() == packets_.size() && packets_.size() < most_packets) {
      packets_.resize(packets_.size() * 2);
    }
    return called;
  }

  std::unique_ptr<Question> question_of(const OVERLAPPED_ENTRY& packet) noexcept {
    if (!packet.lpOverlapped) return nullptr;
    --asked_;
    void* const address = packet.lpOverlapped;
    return std::unique_ptr<Question>(
        static_cast<Question*>(static_cast<AfdQuestion*>(address)));
  }

  void hear(Watch& watch, ULONG answer) {
    watch.question = nullptr;
    if (answer & AfdEvents::local_close) {
      forget(watch.fd);
    } else if (const Events events = from_afd(answer); events != Events::none) {
      tell(watch, events);
    } else {
      unasked_.push_back(watch.fd);  // the thread that had asked is gone
    }
  }

  void forget(NativeFd closed) { watches_.erase(closed); }

  void tell(const Watch& watch, Events events) {
    unasked_.push_back(watch.fd);
    ready_.push_back({watch.token, events});
  }

  [[noreturn]] void throw_port() const {
    throw_windows_error(act_on("GetQueuedCompletionStatusEx", port_.get()));
  }

  UniqueFd port_;
  UniqueFd afd_;
  std::unordered_map<NativeFd, Watch> watches_;
  std::size_t asked_ = 0;  // questions whose packets were not taken
  std::vector<NativeFd> unasked_;
  std::vector<OVERLAPPED_ENTRY> packets_;
  std::span<const OVERLAPPED_ENTRY> taken_;
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend iocp_backend = {
    PollerKind::iocp, "iocp",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Iocp>(); }};

}  // namespace tornado
