// SPDX-License-Identifier: Apache-2.0
#include "poller/ring_message.h"

#include <liburing.h>

#include <atomic>
#include <optional>
#include <utility>

#include "platform/descriptor_maker.h"
#include "platform/descriptors.h"
#include "platform/fork_epoch.h"
#include "platform/thread_door.h"

namespace tornado {
namespace {

/// A thread's own small ring, which nothing else uses: so a signal handler finds it
/// either at rest or in the middle of a message, and each answer is to the message just
/// sent.
class Messenger {
 public:
  Messenger() = default;
  Messenger(const Messenger&) = delete;
  Messenger& operator=(const Messenger&) = delete;
  ~Messenger() { drop(); }

  /// In a forked child the ring is the parent's, and another is made.
  bool use() noexcept {
    if (epoch_ != fork_epoch()) {
      drop();
      epoch_ = fork_epoch();
      made_ = make();
    }
    ++users_;
    return made_;
  }
  void leave() noexcept {
    if (users_ == 0) return;
    --users_;
    if (users_ == 0) drop();
  }

  bool send(NativeFd to) noexcept {
    if (epoch_ != fork_epoch() || busy_.exchange(true)) return false;
    const std::optional<int> answer = send_now(to);
    // Else the next would go together with this one, and take its answer for its own.
    if (!answer) drop();
    busy_.store(false);
    return answer && *answer >= 0;
  }

 private:
  void drop() noexcept {
    send_from_this_thread = nullptr;
    epoch_ = 0;
    users_ = 0;
    if (!std::exchange(made_, false)) return;
    set_maker(ring_.ring_fd, nullptr);
    ::io_uring_queue_exit(&ring_);
  }

  bool make() noexcept {
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_CLAMP;
    if (::io_uring_queue_init_params(2, &ring_, &parameters) < 0) return false;
    try {
      UniqueFd own = adopt(std::exchange(ring_.ring_fd, invalid_fd), "io_uring_setup");
      ring_.ring_fd = ring_.enter_ring_fd = own.release();
      set_maker(ring_.ring_fd, "IOLoop");
      return true;
    } catch (const std::exception&) {
      ::io_uring_queue_exit(&ring_);
      return false;
    }
  }

  // IORING_OP_MSG_RING (Linux 5.18) is done within the call, and answered by then.
  // Null if the ring is not at rest now.
  std::optional<int> send_now(NativeFd to) noexcept {
    ::io_uring_prep_msg_ring(::io_uring_get_sqe(&ring_), to, 0, 0, 0);
    if (::io_uring_submit(&ring_) != 1) return {};
    io_uring_cqe* answer = nullptr;
    if (::io_uring_wait_cqe(&ring_, &answer) != 0) return {};
    const int result = answer->res;
    ::io_uring_cqe_seen(&ring_, answer);
    return result;
  }

  io_uring ring_{};
  bool made_ = false;
  unsigned users_ = 0;
  std::uint64_t epoch_ = 0;  // 0: none
  std::atomic<bool> busy_{false};
};

thread_local Messenger messenger;

}  // namespace

void use_ring_messages() noexcept {
  if (!messenger.use()) return;
  send_from_this_thread = [](NativeFd door) noexcept { return messenger.send(door); };
}

void leave_ring_messages() noexcept {
  messenger.leave();
}

}  // namespace tornado
