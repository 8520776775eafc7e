// SPDX-License-Identifier: Apache-2.0
#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "platform/fd.h"
#include "platform/fork_epoch.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "poller/timeout.h"
#include "tornado/time.h"

namespace tornado {
namespace {

using std::chrono::nanoseconds;

constexpr unsigned ring_size = 128;
// The kernel finds a request to cancel by a hash table with one bucket for 32 entries
// of the completion queue.
constexpr unsigned completions = 4096;
// SUBMIT_ALL (Linux 5.18): a bad request does not stop the requests behind it.
// COOP_TASKRUN and TASKRUN_FLAG (5.19): an event does not interrupt the thread that
// runs callbacks, and the ring has a flag that tells whether an event waits.
// SINGLE_ISSUER and DEFER_TASKRUN would be faster. But one thread may run a loop and
// another close it, and that one could not cancel the requests of the first.
constexpr unsigned ring_flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
                                IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
constexpr std::size_t most_completions = 8192;  // in one wait, if they do not end
// The kernel adds the timeout to its clock, and does not check for overflow.
constexpr nanoseconds longest_wait = std::chrono::hours(24 * 365);
constexpr std::chrono::milliseconds longest_handover{1000};

constexpr Events both_modes = Events::edge | Events::one_shot;

unsigned to_poll(Events events) noexcept {
  unsigned mask = 0;  // POLLERR, POLLHUP and POLLRDHUP are always reported
  if (has(events, Events::read)) mask |= POLLIN;
  if (has(events, Events::write)) mask |= POLLOUT;
  return mask;
}

Events from_poll(int mask) noexcept {
  Events events = Events::none;
  if (mask & POLLIN) events |= Events::read;
  if (mask & POLLOUT) events |= Events::write;
  if (mask & (POLLERR | POLLHUP)) events |= Events::error;
  return events;
}

/// A number that no other thread of the process has or will have.
std::uint64_t this_thread() noexcept {
  static std::atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t own = last.fetch_add(1) + 1;
  return own;
}

class Ring {
 public:
  Ring() {
    io_uring_params parameters{};
    parameters.flags = ring_flags;
    parameters.cq_entries = completions;
    const int made = ::io_uring_queue_init_params(ring_size, &ring_, &parameters);
    if (made < 0) throw_error({-made, std::system_category()}, "io_uring_setup");
    try {
      keep_above_standard();
      check(parameters.features);
    } catch (...) {
      ::io_uring_queue_exit(&ring_);
      throw;
    }
    tag_descriptor(fd(), "IOLoop");
  }
  ~Ring() {
    tag_descriptor(fd(), nullptr);
    ::io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  [[nodiscard]] NativeFd fd() const noexcept { return ring_.ring_fd; }
  [[nodiscard]] io_uring* get() noexcept { return &ring_; }

 private:
  void keep_above_standard() {
    UniqueFd own = adopt(std::exchange(ring_.ring_fd, invalid_fd), "io_uring_setup");
    ring_.ring_fd = ring_.enter_ring_fd = own.release();
  }

  // Also finds a filter that forbids io_uring_enter.
  void check(unsigned features) {
    constexpr unsigned needed =
        IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    int result = (features & needed) == needed ? 0 : -ENOSYS;
    if (result == 0) result = ::io_uring_get_events(&ring_);
    if (result < 0) throw_error({-result, std::system_category()}, "io_uring_enter");
  }

  io_uring ring_{};
};

/// Readiness by poll requests in a ring.
///
/// A level-triggered request is a single one, which completes at once if the descriptor
/// is ready. The next wait arms it again, in the same call as all changes.
/// (IORING_POLL_ADD_LEVEL would ignore a descriptor that is ready already.) An
/// edge-triggered request is a multishot one.
///
/// A request holds the file, even after its descriptor was closed. Each has a number of
/// its own, so that its completion is not taken for that of the next owner.
class IoUring final : public Poller {
 public:
  ~IoUring() override {
    if (epoch_ != fork_epoch()) return;
    cancel_all();
  }

  PollerKind kind() const noexcept override { return PollerKind::io_uring; }
  Events modes() const noexcept override { return both_modes; }

  void add(NativeFd fd, Events events, Token token) override {
    put("io_uring add", fd, events, token);
    flush_cancels();  // for a file that was closed and not removed
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("io_uring modify", fd, events, token);
  }

  void remove(NativeFd fd) noexcept override {
    if (fd < 0 || static_cast<std::size_t>(fd) >= watches_.size()) return;
    adopt_current_thread();
    Watch& watch = at(fd);
    watch.interest = watch.found = Events::none;
    cancel(watch);
    flush_cancels();
  }

  std::span<const Ready> wait(nanoseconds timeout) override {
    ready_.clear();
    adopt_current_thread();
    arm();
    if (ready_fds_.empty() && timeout != nanoseconds::zero()) {
      sleep(timeout);
    } else if (::io_uring_sq_ready(ring_.get()) > 0) {
      const int result = submit();
      if (result < 0) throw_ring(result);
    }
    collect();
    report();
    return ready_;
  }

 private:
  struct Watch {
    Token token = 0;
    std::uint64_t request = 0;       // in the kernel; 0: none
    Events interest = Events::none;  // none: not registered, or a spent one_shot
    Events found = Events::none;
    bool to_arm = false;    // it is in to_arm_
    bool marked = false;    // it is in ready_fds_
    bool spurious = false;  // its last completion had no event of its interest
  };

  Watch& at(NativeFd fd) noexcept { return watches_[static_cast<std::size_t>(fd)]; }

  void put(const char* act, NativeFd fd, Events events, Token token) {
    check(act, fd, events);
    const auto size = static_cast<std::size_t>(fd) + 1;
    if (watches_.size() < size) {
      // The lists have each number once at most: they need no memory later.
      const std::size_t room = std::max(size, 2 * watches_.size());
      for (auto* list : {&to_arm_, &arming_, &ready_fds_, &reporting_})
        list->reserve(room);
      watches_.resize(room);
    }
    adopt_current_thread();
    Watch& watch = at(fd);
    // Even if the events are the same: the number may mean another file by now.
    cancel(watch);
    watch.token = token;
    watch.interest = events;
    watch.found = Events::none;
    watch.spurious = false;
    arm_later(fd);
  }

  void arm_later(NativeFd fd) noexcept {
    if (at(fd).to_arm) return;
    at(fd).to_arm = true;
    to_arm_.push_back(fd);
  }

  // A completion that comes now is armed by the next wait, or this might not end.
  void arm() noexcept {
    std::swap(to_arm_, arming_);
    for (const NativeFd fd : arming_) {
      at(fd).to_arm = false;
      if (at(fd).interest != Events::none) arm(fd);
    }
    arming_.clear();
  }

  void arm(NativeFd fd) noexcept {
    io_uring_sqe* request = next_request();
    if (!request) return arm_later(fd);
    Watch& watch = at(fd);
    ::io_uring_prep_poll_add(request, fd, to_poll(watch.interest));
    // A peer that has ended its writing (POLLRDHUP) completes each single request for
    // writing at once. A multishot one completes only when something changes.
    const bool edges = (watch.interest & both_modes) == Events::edge;
    if (edges || watch.spurious) request->len |= IORING_POLL_ADD_MULTI;
    if (++last_request_ == 0) ++last_request_;
    watch.request = std::uint64_t{last_request_} << 32 | static_cast<std::uint32_t>(fd);
    request->user_data = watch.request;
    ++in_kernel_;
  }

  void cancel(Watch& watch) noexcept {
    const std::uint64_t request_id = std::exchange(watch.request, 0);
    if (request_id == 0) return;
    io_uring_sqe* request = next_request();
    if (!request) return;
    ::io_uring_prep_poll_remove(request, request_id);
    request->flags |= IOSQE_CQE_SKIP_SUCCESS;
    request->user_data = 0;
  }

  // Submits now and not with the next wait, since a request keeps the file open. The
  // kernel releases the file before the call returns.
  void flush_cancels() noexcept {
    if (::io_uring_sq_ready(ring_.get()) == 0) return;
    if (const int result = submit(); result < 0) {
      log(LogLevel::error, "io_uring: cannot cancel the poll of a descriptor: " +
                               std::system_category().message(-result));
    }
  }

  /// Null if the ring is full and the kernel takes nothing from it.
  io_uring_sqe* next_request() noexcept {
    io_uring_sqe* request = ::io_uring_get_sqe(ring_.get());
    if (request) return request;
    (void)submit();
    collect();  // before the completion queue overflows
    return ::io_uring_get_sqe(ring_.get());
  }

  int submit() noexcept {
    int result;
    do {
      result = ::io_uring_submit(ring_.get());
      if (result == -EBUSY) collect();  // the completion queue is full
    } while (result == -EINTR || result == -EBUSY || result == -EAGAIN);
    return result;
  }

  void sleep(nanoseconds timeout) {
    const bool forever = timeout < nanoseconds::zero();
    const nanoseconds time = forever ? longest_wait : std::min(timeout, longest_wait);
    auto spec = to_timespec<__kernel_timespec>(time);
    io_uring_cqe* first = nullptr;
    const int result =
        ::io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, &spec, nullptr);
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY &&
        result != -EAGAIN) {
      throw_ring(result);
    }
  }

  void collect() noexcept {
    std::array<io_uring_cqe*, 64> batch;
    for (std::size_t taken = 0; taken < most_completions;) {
      // Enters the kernel if the ring tells that something waits there.
      const unsigned n =
          ::io_uring_peek_batch_cqe(ring_.get(), batch.data(), batch.size());
      if (n == 0) return;
      for (unsigned i = 0; i < n; ++i) take(*batch[i]);
      ::io_uring_cq_advance(ring_.get(), n);
      taken += n;
    }
  }

  void take(const io_uring_cqe& completion) noexcept {
    if (completion.user_data == 0) return;  // nothing was left to cancel
    const bool last = (completion.flags & IORING_CQE_F_MORE) == 0;
    if (last) --in_kernel_;
    const auto fd =
        static_cast<NativeFd>(static_cast<std::uint32_t>(completion.user_data));
    Watch& watch = at(fd);
    if (watch.request != completion.user_data) return;  // canceled since
    if (last) watch.request = 0;
    if (completion.res < 0) return fail(fd, -completion.res);
    const Events events = from_poll(completion.res);
    watch.spurious = events == Events::none;
    if (!watch.spurious) mark_ready(fd, events);
    // A multishot request ends when the completion queue is full.
    const bool edges = (watch.interest & both_modes) == Events::edge;
    if (last && (edges || watch.spurious)) arm_later(fd);
  }

  void fail(NativeFd fd, int error) noexcept {
    if (error == EBADF) {
      at(fd).interest = Events::none;  // closed, and forgotten
    } else if (error == ECANCELED || error == ENOMEM || error == EAGAIN) {
      arm_later(fd);  // the thread that had armed it is gone, or memory was short
    } else {
      mark_ready(fd, Events::error);
    }
  }

  void mark_ready(NativeFd fd, Events events) noexcept {
    at(fd).found |= events;
    if (std::exchange(at(fd).marked, true)) return;
    ready_fds_.push_back(fd);
  }

  void report() {
    ready_.reserve(ready_fds_.size());
    std::swap(ready_fds_, reporting_);
    for (const NativeFd fd : reporting_) {
      Watch& watch = at(fd);
      watch.marked = false;
      const Events found = std::exchange(watch.found, Events::none);
      if (found == Events::none) continue;  // removed or modified since
      ready_.push_back({watch.token, found});
      if ((watch.interest & both_modes) == Events::edge) continue;
      cancel(watch);  // if it is a multishot one; the next wait finds its events
      if (has(watch.interest, Events::one_shot)) {
        watch.interest = Events::none;
      } else {
        arm_later(fd);
      }
    }
    reporting_.clear();
  }

  // The kernel does the work of a request on the thread that has armed it. If another
  // thread runs the loop now, or closes it, all requests are armed again.
  void adopt_current_thread() noexcept {
    const std::uint64_t here = this_thread();
    if (here == owner_) return;
    owner_ = here;
    cancel_all();
  }

  void cancel_all() noexcept {
    if (in_kernel_ == 0) return;
    for (std::size_t i = 0; i < watches_.size(); ++i) {
      if (watches_[i].request == 0) continue;
      cancel(watches_[i]);
      arm_later(static_cast<NativeFd>(i));
    }
    (void)submit();
    collect();
    const TimePoint end = Clock::now() + longest_handover;
    while (in_kernel_ > 0 && Clock::now() < end) {
      __kernel_timespec spec{0, 1'000'000};
      io_uring_cqe* first = nullptr;
      (void)::io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, &spec, nullptr);
      collect();
    }
  }

  [[noreturn]] void throw_ring(int result) const {
    throw_error({-result, std::system_category()},
                act_on("io_uring_enter", ring_.fd()));
  }

  Ring ring_;
  std::uint64_t epoch_ = fork_epoch();
  std::uint64_t owner_ = 0;      // the thread that has armed the requests
  std::uint64_t in_kernel_ = 0;  // requests whose last completion was not taken
  std::uint32_t last_request_ = 0;
  std::vector<Watch> watches_;  // by descriptor
  std::vector<NativeFd> to_arm_;
  std::vector<NativeFd> arming_;
  std::vector<NativeFd> ready_fds_;
  std::vector<NativeFd> reporting_;
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend io_uring_backend = {
    .kind = PollerKind::io_uring,
    .name = "io_uring",
    .make = []() -> std::unique_ptr<Poller> { return std::make_unique<IoUring>(); },
    .opt_in = true,
};

}  // namespace tornado
