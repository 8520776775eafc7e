// SPDX-License-Identifier: Apache-2.0
#include "poller/ring_message.h"

#include <liburing.h>

#include <atomic>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "platform/descriptor_maker.h"
#include "platform/descriptors.h"
#include "platform/fork_epoch.h"
#include "platform/thread_door.h"

namespace tornado {
namespace {

/// A thread's own small ring, which nothing else uses: so a signal handler finds it
/// either at rest or in the middle of a message, and each answer is to the message just
/// sent. The last poller to leave gives the ring back, on whatever thread it does.
class Messenger {
 public:
  Messenger() = default;
  Messenger(const Messenger&) = delete;
  Messenger& operator=(const Messenger&) = delete;
  ~Messenger() { drop(); }

  /// On its thread. In a forked child the ring is the parent's, and another is made.
  bool use() noexcept {
    const bool inherited = epoch_ != fork_epoch();
    if (inherited) busy_ = false;  // the thread that held it may be the parent's
    const Busy now(*this);
    if (inherited) {
      drop();
      users_ = 0;
      epoch_ = fork_epoch();
    }
    if (!made_) made_ = make();
    ++users_;
    return made_;
  }
  /// On any thread.
  void leave() noexcept {
    if (epoch_ != fork_epoch()) return;
    const Busy now(*this);
    if (--users_ == 0) drop();
  }

  bool send(NativeFd to) noexcept {
    if (epoch_ != fork_epoch() || busy_.exchange(true)) return false;
    bool sent = false;
    if (made_) {
      const std::optional<int> answer = send_now(to);
      // Else the next would go together with this one, and take its answer for its own.
      if (!answer) drop();
      sent = answer && *answer >= 0;
    }
    busy_.store(false);
    return sent;
  }

 private:
  class Busy {
   public:
    explicit Busy(Messenger& messenger) noexcept : messenger_(messenger) {
      while (messenger_.busy_.exchange(true)) std::this_thread::yield();
    }
    ~Busy() { messenger_.busy_.store(false); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    Messenger& messenger_;
  };

  void drop() noexcept {
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
  std::atomic<bool> busy_{false};  // guards what follows, and the ring
  bool made_ = false;
  unsigned users_ = 0;
  std::atomic<std::uint64_t> epoch_{0};  // 0: none
};

struct OfThisThread {
  ~OfThisThread() { send_from_this_thread = nullptr; }
  std::shared_ptr<Messenger> messenger;
};
thread_local OfThisThread own;

}  // namespace

RingMessages use_ring_messages() noexcept {
  try {
    if (!own.messenger) own.messenger = std::make_shared<Messenger>();
    if (own.messenger->use()) {
      send_from_this_thread = [](NativeFd door) noexcept {
        return own.messenger->send(door);
      };
    }
    const auto leave = [messenger = own.messenger](void*) { messenger->leave(); };
    return {own.messenger.get(), leave};  // leaves if there is no memory
  } catch (const std::bad_alloc&) {       // the waker's own descriptor serves
    return {};
  }
}

}  // namespace tornado
