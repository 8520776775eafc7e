// SPDX-License-Identifier: Apache-2.0
#include "descriptor_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>

#include "trace_memory.h"

namespace tornado::cli {
namespace {

std::system_error failure(const std::string& act) {
  return {errno, std::system_category(), act};
}

// Files that have no name but a kind: "anon_inode:[eventpoll]".
std::optional<std::string> anonymous_kind(const std::string& target) {
  constexpr std::string_view prefix = "anon_inode:";
  if (!target.starts_with(prefix)) return std::nullopt;
  std::string kind = target.substr(prefix.size());
  std::erase_if(kind, [](char c) { return c == '[' || c == ']'; });
  return kind;
}

std::string kind_of(const std::string& link, const std::string& target) {
  if (auto kind = anonymous_kind(target)) return *kind;
  struct stat status = {};
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
      return "char";
    case S_IFBLK:
      return "block";
    default:
      return "unknown";
  }
}

long long field(const std::string& info, const char* key, int base) {
  const auto at = info.find(key);
  if (at == std::string::npos) return -1;
  return std::strtoll(info.c_str() + info.find(':', at) + 1, nullptr, base);
}

// Nothing if it was closed meanwhile.
std::optional<OpenDescriptor> read_one(const std::string& process, const char* number) {
  OpenDescriptor d;
  d.fd = std::atoi(number);
  const std::string link = process + "/fd/" + number;
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
  const std::string info = read_file(process + "/fdinfo/" + number);
  if (n < 0 || info.empty()) return std::nullopt;
  d.target.assign(target.data(), static_cast<std::size_t>(n));
  d.kind = kind_of(link, d.target);
  const auto flags = static_cast<int>(field(info, "flags:", 8));
  d.close_exec = (flags & O_CLOEXEC) != 0;
  d.flags = flags & ~O_CLOEXEC;
  const bool seekable = d.kind == "file" || d.kind == "block" || d.kind == "directory";
  if (seekable) d.offset = field(info, "pos:", 10);
  return d;
}

}  // namespace

std::vector<OpenDescriptor> list_descriptors(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  const std::string act = "list the descriptors of process " + std::to_string(pid);
  const auto close = [](DIR* d) { ::closedir(d); };
  // opendir() marks what it opens.
  const std::unique_ptr<DIR, decltype(close)> list(::opendir((process + "/fd").c_str()),
                                                   close);
  if (!list) {
    if (errno == ENOENT) errno = ESRCH;
    throw failure(act);
  }
  const int own = pid == ::getpid() ? ::dirfd(list.get()) : -1;
  std::vector<OpenDescriptor> found;
  while (const dirent* entry = ::readdir(list.get())) {
    if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == own) continue;
    if (auto one = read_one(process, entry->d_name)) found.push_back(std::move(*one));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.fd < b.fd; });
  return found;
}

}  // namespace tornado::cli
