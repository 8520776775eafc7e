// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "platform/descriptor_maker.h"
#include "platform/descriptors.h"
#include "platform/fork_epoch.h"
#include "platform/system_error.h"
#include "platform/wake_door.h"
#include "platform/wake_mechanism.h"

namespace tornado {

/// The descriptors of a waker. Their numbers stay when they are replaced, or else the
/// old ends stay open, so that a wake() under way on another thread writes into the old
/// ends or the new ones and never elsewhere.
class WakeEnds {
 public:
  explicit WakeEnds(const WakeMechanism& m) : mechanism_(m) {
    FdPair ends = m.open();
    reader_ = ends.first.release();
    writer_ = ends.second.release();
    set_maker(reader(), "Waker");
    set_maker(writer(), "Waker");
  }

  WakerKind kind() const noexcept { return mechanism_.kind; }
  NativeFd reader() const noexcept { return reader_.load(); }
  /// The reader itself, if one descriptor is both.
  NativeFd writer() const noexcept {
    const NativeFd own = writer_.load();
    return own == invalid_fd ? reader() : own;
  }

  static std::uint64_t process() noexcept { return fork_epoch(); }
  void signal() noexcept {
    ErrnoKeeper keep;
    const NativeFd door = door_.load();
    if (door != invalid_fd && send_to_door(door)) return;
    mechanism_.signal(writer());
  }
  bool drain() noexcept {
    ErrnoKeeper keep;
    return mechanism_.drain(reader());
  }

  FdPair open() const { return mechanism_.open(); }

  // Whoever sends to the old door meanwhile has set the flag before, which its sleeper
  // finds before it sleeps again; but the number must not be anybody else's yet.
  void set_door(UniqueFd door) {
    const NativeFd old = door_.load();
    if (old != invalid_fd && door) {
      put(door_, std::move(door));
      return;
    }
    if (door) set_maker(door.get(), "Waker");
    door_ = door.release();
    const NativeFd older = retired_.exchange(old);
    if (older != invalid_fd) (void)try_close(older);
  }

  // The writer goes first, here and below: were the reader gone before it, a write in
  // between would raise SIGPIPE.
  void replace(FdPair fresh) {
    set_door({});
    if (lost()) {
      reader_ = fresh.first.release();
      set_maker(reader(), "Waker");
    } else {
      keep_old_reader();
      if (fresh.second) put(writer_, std::move(fresh.second));
      put(reader_, std::move(fresh.first));
    }
    epoch_ = process();
  }

  // In a forked child more than one thread may come here: each number is closed by the
  // one that takes it.
  void release() noexcept {
    for (std::atomic<NativeFd>* end :
         {&door_, &retired_, &writer_, &reader_, &old_reader_}) {
      const NativeFd fd = end->exchange(invalid_fd);
      if (fd == invalid_fd || (end == &reader_ && lost())) continue;
      (void)try_close(fd);
    }
  }

 private:
  void put(std::atomic<NativeFd>& end, UniqueFd fresh) {
    replaced_.reserve(replaced_.size() + 1);
    Replaced result = tornado::replace(end, std::move(fresh));
    if (!result.old) return;
    end = result.number;
    set_maker(result.number, "Waker");
    replaced_.push_back(std::move(result.old));
  }

  /// In a forked child that was not given them: the numbers are strangers'.
  bool lost() const noexcept { return !mechanism_.inherited && epoch_ != process(); }

  // A write to the old ends may be under way in the kernel, on another thread. A forked
  // child has no other threads.
  void keep_old_reader() {
    if (!mechanism_.needs_reader || epoch_ != process()) return;
    UniqueFd copy = duplicate(reader());
    set_maker(copy.get(), "Waker");
    const NativeFd older = old_reader_.exchange(copy.release());
    if (older != invalid_fd) (void)try_close(older);
  }

  const WakeMechanism& mechanism_;
  std::atomic<std::uint64_t> epoch_{process()};
  std::atomic<NativeFd> reader_{invalid_fd};
  std::atomic<NativeFd> writer_{invalid_fd};
  std::atomic<NativeFd> door_{invalid_fd};
  std::atomic<NativeFd> retired_{invalid_fd};  // a door that others may still use
  std::atomic<NativeFd> old_reader_{invalid_fd};
  std::vector<UniqueFd> replaced_;  // by other numbers: a wake() may still use them
};

}  // namespace tornado
