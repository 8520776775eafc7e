// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "platform/descriptor_maker.h"
#include "platform/system_error.h"
#include "tornado/audit.h"
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

std::string read_text(const std::string& path) {
  char text[4096];
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof text) : 0;
  return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::int64_t field(const std::string& info, const std::string& key, int base) {
  const std::size_t at = info.find(key);
  if (at == info.npos) return -1;
  return std::strtoll(info.c_str() + at + key.size(), nullptr, base);
}

// Nothing, if it was closed meanwhile.
std::optional<DescriptorInfo> describe(const std::string& process, const char* number) {
  const std::string link = process + "/fd/" + number;
  char target[PATH_MAX];
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  const std::string info = read_text(process + "/fdinfo/" + number);
  if (length == -1 || info.empty()) return {};
  DescriptorInfo result;
  result.number = std::atoi(number);
  result.target.assign(target, static_cast<std::size_t>(length));
  result.kind = kind_of(link, result.target);
  const auto flags = static_cast<int>(field(info, "flags:", 8));
  result.close_exec = (flags & O_CLOEXEC) != 0;
  result.flags = flags & ~O_CLOEXEC;
  if (result.kind == "file" || result.kind == "block") {
    result.offset = field(info, "pos:", 10);
  }
  return result;
}

std::vector<DescriptorInfo> list(const std::string& process, const std::string& act) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(
      ::opendir((process + "/fd").c_str()), &::closedir);
  if (!directory) {
    if (errno == ENOENT && ::access("/proc/self", F_OK) == 0) errno = ESRCH;
    throw_errno(act);
  }
  const bool own = process == "/proc/self";
  std::vector<DescriptorInfo> result;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    if (own && std::atoi(entry->d_name) == ::dirfd(directory.get())) continue;
    auto one = describe(process, entry->d_name);
    if (!one) continue;
    if (const char* maker = own ? maker_of(one->number) : nullptr) one->maker = maker;
    result.push_back(std::move(*one));
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return result;
}

}  // namespace

std::vector<DescriptorInfo> audit_descriptors() {
  return list("/proc/self", "audit of this process");
}

std::vector<DescriptorInfo> audit_descriptors(int pid) {
  if (pid == ::getpid()) return audit_descriptors();
  const std::string number = std::to_string(pid);
  return list("/proc/" + number, "audit of process " + number);
}

}  // namespace tornado
