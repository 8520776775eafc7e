// SPDX-License-Identifier: Apache-2.0
#include "process/close_others_linux.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>

#include "platform/system_call_linux.h"

namespace tornado {
namespace {

struct DirectoryEntry {  // the kernel's linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short size;
  unsigned char type;
  char name[1];
};

constexpr int asked_at_once = 256;

bool contains(Span<int> numbers, int number) noexcept {
  for (std::size_t i = 0; i < numbers.size; ++i) {
    if (numbers.data[i] == number) return true;
  }
  return false;
}

int to_number(const char* name) noexcept {
  int number = 0;
  for (; *name; ++name) {
    if (*name < '0' || *name > '9') return -1;  // "." and ".."
    number = number * 10 + (*name - '0');
  }
  return number;
}

struct Walk {
  int directory;
  Span<int> kept;
  bool met_itself = false;

  void close_listed(const char* entries, long size) noexcept {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(entries + at);
      at += entry->size;
      const int fd = to_number(entry->name);
      if (fd == directory) {
        met_itself = true;
      } else if (fd >= 0 && !contains(kept, fd)) {
        system_call(SYS_close, fd);
      }
    }
  }
};

// The kernel lists by ascending number, so that closing listed descriptors skips none.
// A directory that does not list itself is not the one of this process.
bool close_by_directory(Span<int> kept) noexcept {
  const long directory = system_call(SYS_openat, AT_FDCWD, "/proc/self/fd",
                                     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // If the directory could not be opened, reading it fails.
  Walk walk{static_cast<int>(directory), kept};
  alignas(DirectoryEntry) char entries[4096];
  long size;
  while ((size = system_call(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
    walk.close_listed(entries, size);
  }
  system_call(SYS_close, directory);
  return size == 0 && walk.met_itself;
}

// Most numbers are free, and one ppoll for many costs less than a close for each. Where
// ppoll is forbidden, it reports none as free.
void close_open_among(pollfd (&asked)[asked_at_once], Span<int> kept) noexcept {
  std::int64_t no_time[2] = {};  // as long as any timespec
  system_call(SYS_ppoll, asked, asked_at_once, no_time, nullptr, 0);
  for (const pollfd& one : asked) {
    if ((one.revents & POLLNVAL) != 0) continue;
    if (!contains(kept, one.fd)) system_call(SYS_close, one.fd);
  }
}

// The limit may have been lowered below an open number. The kernel's default is a
// million, and no system has a higher default.
bool close_by_number(Span<int> kept) noexcept {
  constexpr std::uint64_t default_ceiling = 1u << 20;
  constexpr std::uint64_t highest_end = 0x7fffffff - asked_at_once;
  std::uint64_t limit[2];
  if (system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, limit) == -1) return false;
  std::uint64_t end = limit[1];
  if (end < default_ceiling) end = default_ceiling;
  if (end > highest_end) end = highest_end;
  pollfd asked[asked_at_once];
  for (int next = 0; next < static_cast<int>(end);) {
    for (pollfd& one : asked) one = {next++, 0, 0};
    close_open_among(asked, kept);
  }
  return true;
}

}  // namespace

bool close_others(Span<int> kept) noexcept {
  return close_by_directory(kept) || close_by_number(kept);
}

}  // namespace tornado
