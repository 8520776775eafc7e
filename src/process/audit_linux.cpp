// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "process/proc_linux.h"
#include "tornado/audit.h"
#include "tornado/error.h"
#include "tornado/fd.h"

namespace tornado {
namespace {

// "anon_inode:[eventpoll]", "anon_inode:inotify"
std::string anonymous_kind(std::string_view target) {
  constexpr std::string_view prefix = "anon_inode:";
  if (!target.starts_with(prefix)) return {};
  std::string kind(target.substr(prefix.size()));
  std::erase_if(kind, [](char c) { return c == '[' || c == ']'; });
  return kind;
}

bool is_terminal(dev_t device) {
  constexpr unsigned console = 4, tty = 5, first_slave = 136, last_slave = 143;
  const unsigned number = major(device);
  return number == console || number == tty ||
         (number >= first_slave && number <= last_slave);
}

std::string kind_of(const std::string& link, const std::string& target) {
  if (std::string kind = anonymous_kind(target); !kind.empty()) return kind;
  struct stat status {};
  if (::stat(link.c_str(), &status) == -1) return "unknown";
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFIFO:
      return "pipe";
    case S_IFSOCK:
      return "socket";
    case S_IFCHR:
      return is_terminal(status.st_rdev) ? "terminal" : "char";
    case S_IFBLK:
      return "block";
    default:
      return "unknown";
  }
}

// The descriptor was closed, or its process ended, after /proc listed it.
bool is_gone(const std::system_error& error) {
  return error.code() == std::errc::no_such_file_or_directory ||
         error.code() == std::errc::no_such_process;
}

// The kernel tells no path that is longer than a page.
std::string target_of(const std::string& link) {
  try {
    return read_link(link);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::filename_too_long) throw;
    return "(path too long)";
  }
}

std::int64_t field(const std::string& info, const std::string& key, int base) {
  const std::size_t at = info.find(key);
  if (at == info.npos) return -1;
  return std::strtoll(info.c_str() + at + key.size(), nullptr, base);
}

DescriptorInfo describe(const std::string& process, const char* number) {
  const std::string link = process + "/fd/" + number;
  DescriptorInfo result;
  result.target = target_of(link);
  const std::string info = read_text(process + "/fdinfo/" + number);
  result.number = std::atoi(number);
  result.kind = kind_of(link, result.target);
  const auto flags = static_cast<int>(field(info, "flags:", 8));
  result.close_exec = (flags & O_CLOEXEC) != 0;
  result.flags = flags & ~O_CLOEXEC;
  if (result.kind == "file" || result.kind == "block") {
    result.offset = field(info, "pos:", 10);
  }
  return result;
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// Above 2, as all that the library opens.
Directory open_directory(const std::string& path) {
  UniqueFd fd = open_file(path.c_str(), O_RDONLY | O_DIRECTORY);
  Directory directory(::fdopendir(fd.get()), &::closedir);
  if (!directory) throw_errno("fdopendir " + path);
  (void)fd.release();
  return directory;
}

const dirent* next_entry(DIR* directory, const std::string& path) {
  errno = 0;
  const dirent* const entry = ::readdir(directory);
  if (!entry && errno != 0) throw_errno("readdir " + path);
  return entry;
}

// `process` is its directory.
std::vector<DescriptorInfo> list(const std::string& process, bool own) {
  const Directory directory = open_directory(process + "/fd");
  std::vector<DescriptorInfo> result;
  while (const dirent* entry = next_entry(directory.get(), process)) {
    if (entry->d_name[0] == '.') continue;
    if (own && std::atoi(entry->d_name) == ::dirfd(directory.get())) continue;
    try {
      result.push_back(describe(process, entry->d_name));
    } catch (const std::system_error& error) {
      if (!is_gone(error)) throw;
      continue;
    }
    DescriptorInfo& one = result.back();
    if (const char* owner = own ? owner_tag_of(one.number) : nullptr) one.owner = owner;
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return result;
}

// The fields from the state on: "4711 (name) Z 1 ...".
struct ProcessState {
  explicit ProcessState(const std::string& process) {
    const std::string text = read_text(process + "/stat");
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    fields >> state;
    for (int i = 0; i < 5; ++i) fields >> skipped;
    fields >> flags;
  }
  [[nodiscard]] bool has_ended() const { return state == 'Z' || state == 'X'; }
  [[nodiscard]] bool is_kernel_thread() const {
    constexpr unsigned long kernel_thread = 0x00200000;  // PF_KTHREAD
    return (flags & kernel_thread) != 0;
  }

  char state = '?';
  unsigned long flags = 0;
};

// Empty if there is none.
std::string living_thread_of(const std::string& process) {
  const Directory directory = open_directory(process + "/task");
  while (const dirent* entry = next_entry(directory.get(), process)) {
    if (entry->d_name[0] == '.') continue;
    std::string thread = process + "/task/" + entry->d_name;
    try {
      if (!ProcessState(thread).has_ended()) return thread;
    } catch (const std::system_error& error) {
      if (!is_gone(error)) throw;
    }
  }
  return {};
}

// The directory of the process, or of a thread if the main thread has ended: the others
// have the descriptors still. Throws if there is nothing to have them.
std::string holder_of_descriptors(const std::string& process) {
  const ProcessState state(process);
  if (state.is_kernel_thread()) throw_error(Errc::kernel_thread, process);
  if (!state.has_ended()) return process;
  std::string thread = living_thread_of(process);
  if (thread.empty()) throw_error(Errc::process_ended, process);
  return thread;
}

template <class F>
auto audit(const std::string& what, F list_it) {
  const std::string act = "audit of " + what;
  try {
    return list_it();
  } catch (const std::system_error& error) {
    const bool mounted = ::access("/proc/self", F_OK) == 0;
    if (is_gone(error) && mounted)
      throw_error(std::make_error_code(std::errc::no_such_process), act);
    throw_error(error.code(), act);
  }
}

}  // namespace

// Of this thread, since the main thread may have ended.
std::vector<DescriptorInfo> audit_descriptors() {
  return audit("this process", [] { return list("/proc/thread-self", true); });
}

std::vector<DescriptorInfo> audit_descriptors(int pid) {
  if (pid == ::getpid()) return audit_descriptors();
  const std::string number = std::to_string(pid);
  return audit("process " + number, [process = "/proc/" + number] {
    auto found = list(holder_of_descriptors(process), false);
    // Throws if the process has ended, since the list is incomplete then.
    (void)holder_of_descriptors(process);
    return found;
  });
}

}  // namespace tornado
