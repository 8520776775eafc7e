// SPDX-License-Identifier: Apache-2.0
#include "process/low_slots.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <utility>

#include "platform/cloexec.h"
#include "platform/descriptor_maker.h"
#include "platform/system_error.h"
#include "tornado/spawn.h"

namespace tornado {
namespace {

constexpr int low = 64;  // one word of the kernel's bitmap: nothing less to copy

bool place(NativeFd fd, NativeFd number) noexcept {
  int result;
  do {
    result = dup2_cloexec(fd, number);
  } while (result == -1 && (errno == EINTR || errno == EBUSY));
  return result != -1;
}

// Low numbers kept occupied, each lent to one spawn at a time. Without a lock, which a
// fork could leave locked in the child.
class Slots {
 public:
  // Does without what cannot be had: the cost is time only.
  Slots() noexcept {
    try {
      UniqueFd first = open_file("/dev/null", O_RDWR);
      UniqueFd second = duplicate(first.get());
      UniqueFd third = duplicate(first.get());
      placeholder_ = duplicate(first.get());
      free_[0] = first.release();
      free_[1] = second.release();
      free_[2] = third.release();
      for (const auto& slot : free_) set_maker(slot, "spawn slot");
      set_maker(placeholder_.get(), "spawn slot");
    } catch (const std::exception&) {
    }
  }

  // At the end of the program, or of a plug-in that has the library in it.
  ~Slots() {
    for (auto& slot : free_) const UniqueFd closed(slot.exchange(invalid_fd));
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  NativeFd lend(NativeFd fd) noexcept {
    for (auto& slot : free_) {
      NativeFd number = slot.load();
      if (number == invalid_fd || number >= fd) continue;
      if (!slot.compare_exchange_strong(number, invalid_fd)) continue;
      if (place(fd, number)) return number;
      slot = number;
      break;
    }
    return invalid_fd;
  }

  // What was lent must not stay open there: somebody waits for its end-of-file.
  void give_back(NativeFd number) noexcept {
    if (!place(placeholder_.get(), number)) {
      (void)try_close(number);
      return;
    }
    for (auto& slot : free_) {
      NativeFd none = invalid_fd;
      if (slot.compare_exchange_strong(none, number)) return;
    }
  }

 private:
  UniqueFd placeholder_;
  std::array<std::atomic<NativeFd>, 3> free_ = {invalid_fd, invalid_fd, invalid_fd};
};

Slots& slots() {
  static Slots the_slots;
  return the_slots;
}

}  // namespace

LowCopy::LowCopy(NativeFd fd) : number_(fd) {
  if (fd < low) return;
  const NativeFd lent = slots().lend(fd);
  if (lent != invalid_fd) {
    number_ = lent;
    lent_ = true;
    return;
  }
  own_ = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (own_ && own_.get() < fd) {
    number_ = own_.get();
  } else {
    own_.reset();
  }
}

LowCopy::LowCopy(LowCopy&& other) noexcept
    : number_(other.number_),
      lent_(std::exchange(other.lent_, false)),
      own_(std::move(other.own_)) {}

LowCopy::~LowCopy() {
  if (lent_) slots().give_back(number_);
}

void reserve_spawn_slots() {
  slots();
}

}  // namespace tornado
