// SPDX-License-Identifier: Apache-2.0
#include "process/low_slots.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

#include "platform/fd.h"
#include "tornado/spawn.h"

namespace tornado {
namespace {

constexpr int low = 64;  // one word of the kernel's bitmap: nothing less to copy

constexpr NativeFd lent = invalid_fd;  // to one spawn, or being made
constexpr NativeFd lost = -2;

}  // namespace

// A low number that is kept occupied. The program may close it, as closefrom(3) does,
// and then the next file that it opens has the number: each use looks whose it is.
struct LowSlot {
  std::atomic<NativeFd> number{lost};
  std::atomic<std::uint64_t> file{0};

  [[nodiscard]] bool is_kept() const noexcept {
    const NativeFd now = number;
    return now >= 0 && file_id(now) == file;
  }

  // Until keep() or lose() it is the caller's alone. invalid_fd if there is none.
  NativeFd take() noexcept {
    NativeFd taken = number;
    if (taken < 0 || !number.compare_exchange_strong(taken, lent)) return invalid_fd;
    if (file_id(taken) == file) return taken;
    number = lost;
    return invalid_fd;
  }

  void keep(NativeFd fd) noexcept {
    file = file_id(fd);
    tag_descriptor(fd, "spawn slot");
    number = fd;
  }
};

namespace {

// Without a lock, which a fork could leave locked in the child.
class Slots {
 public:
  Slots() noexcept = default;
  // At the end of the program, or of a plug-in that has the library in it.
  ~Slots() {
    for (LowSlot& slot : slots_) const UniqueFd closed(slot.take());
    const UniqueFd closed(placeholder_.take());
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  // Makes what there is not. Does without what cannot be had: the cost is time only.
  void fill() noexcept {
    refill(placeholder_, [] { return make_pipe().first; });  // a file like no other
    for (LowSlot& slot : slots_) {
      refill(slot, [this] { return duplicate(placeholder_.number); });
    }
  }

  LowSlot* lend(NativeFd fd, NativeFd& number) noexcept {
    for (LowSlot& slot : slots_) {
      if (slot.number >= fd) continue;
      number = slot.take();
      if (number == invalid_fd) continue;
      if (overwrite(number, fd)) {
        slot.file = file_id(number);
        return &slot;
      }
      slot.keep(number);
      break;
    }
    return nullptr;
  }

  // The lent file must not stay open there: its reader waits for end-of-file.
  void give_back(LowSlot& slot, NativeFd number) noexcept {
    const bool ours = file_id(number) == slot.file;
    if (ours && placeholder_.is_kept() && overwrite(number, placeholder_.number)) {
      slot.keep(number);
      return;
    }
    if (ours) (void)try_close(number);
    slot.number = lost;
  }

 private:
  template <class Make>
  static void refill(LowSlot& slot, Make make) noexcept {
    if (slot.is_kept()) return;
    const NativeFd kept = slot.take();
    if (kept != invalid_fd) return slot.keep(kept);  // it was lent before
    NativeFd expected = lost;
    if (!slot.number.compare_exchange_strong(expected, lent)) return;
    try {
      slot.keep(make().release());
    } catch (const std::exception&) {
      slot.number = lost;
    }
  }

  LowSlot placeholder_;
  std::array<LowSlot, 3> slots_;
};

Slots& slots() {
  static Slots the_slots;
  return the_slots;
}

}  // namespace

LowCopy::LowCopy(NativeFd fd) : number_(fd) {
  if (fd < low) return;
  slot_ = slots().lend(fd, number_);
  if (slot_) return;
  number_ = fd;
  own_ = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (own_ && own_.get() < fd) {
    number_ = own_.get();
  } else {
    own_.reset();
  }
}

LowCopy::LowCopy(LowCopy&& other) noexcept
    : number_(other.number_),
      slot_(std::exchange(other.slot_, nullptr)),
      own_(std::move(other.own_)) {}

LowCopy::~LowCopy() {
  if (slot_) slots().give_back(*slot_, number_);
}

void reserve_descriptors_for_spawn() {
  slots().fill();
}

}  // namespace tornado
