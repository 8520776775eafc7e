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
#include <string_view>
#include <system_error>

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

// Of /proc: what was closed meanwhile, or whose process has ended.
bool is_gone(const std::system_error& error) {
  return error.code() == std::errc::no_such_file_or_directory ||
         error.code() == std::errc::no_such_process;
}

std::string read_text(const std::string& path) {
  const UniqueFd fd = open_file(path.c_str(), O_RDONLY);
  std::string text;
  for (;;) {
    char more[4096];
    const auto size = retry_eintr([&] { return ::read(fd.get(), more, sizeof more); });
    if (size == -1) throw_errno("read " + path);
    if (size == 0) return text;
    text.append(more, static_cast<std::size_t>(size));
  }
}

std::string read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  if (length == -1) throw_errno("readlink " + path);
  return {target, static_cast<std::size_t>(length)};
}

std::int64_t field(const std::string& info, const std::string& key, int base) {
  const std::size_t at = info.find(key);
  if (at == info.npos) return -1;
  return std::strtoll(info.c_str() + at + key.size(), nullptr, base);
}

DescriptorInfo describe(const std::string& process, const char* number) {
  const std::string link = process + "/fd/" + number;
  DescriptorInfo result;
  result.target = read_link(link);
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

Directory open_list(const std::string& process, const std::string& act) {
  try {
    return open_directory(process + "/fd");
  } catch (const std::system_error& error) {
    const bool mounted = ::access("/proc/self", F_OK) == 0;
    if (is_gone(error) && mounted)
      throw_error(std::make_error_code(std::errc::no_such_process), act);
    throw_error(error.code(), act);
  }
}

const dirent* next_entry(DIR* directory, const std::string& act) {
  errno = 0;
  const dirent* const entry = ::readdir(directory);
  if (!entry && errno != 0) throw_errno(act);
  return entry;
}

std::vector<DescriptorInfo> list(const std::string& process, const std::string& act) {
  const Directory directory = open_list(process, act);
  const bool own = process == "/proc/self";
  std::vector<DescriptorInfo> result;
  while (const dirent* entry = next_entry(directory.get(), act)) {
    if (entry->d_name[0] == '.') continue;
    if (own && std::atoi(entry->d_name) == ::dirfd(directory.get())) continue;
    try {
      result.push_back(describe(process, entry->d_name));
    } catch (const std::system_error& error) {
      if (!is_gone(error)) throw;
      continue;
    }
    DescriptorInfo& one = result.back();
    if (const char* maker = own ? maker_of(one.number) : nullptr) one.maker = maker;
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
