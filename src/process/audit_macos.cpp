// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "tornado/audit.h"

namespace tornado {
namespace {

std::string kind_of(const struct stat& status) {
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
      return "other";
  }
}

std::string target_of(NativeFd number) {
  std::array<char, PATH_MAX> path{};
  return ::fcntl(number, F_GETPATH, path.data()) == -1 ? "" : path.data();
}

DescriptorInfo look_at(NativeFd number, int descriptor_flags) {
  struct stat status {};
  // A kqueue has no status.
  const bool known = ::fstat(number, &status) == 0;
  DescriptorInfo info;
  info.number = number;
  info.kind = known ? kind_of(status) : "other";
  if (info.kind == "char" && ::isatty(number) == 1) info.kind = "terminal";
  info.target = target_of(number);
  info.flags = ::fcntl(number, F_GETFL);
  if (info.kind == "file" || info.kind == "block") {
    info.offset = ::lseek(number, 0, SEEK_CUR);
  }
  info.close_exec = (descriptor_flags & FD_CLOEXEC) != 0;
  if (const char* owner = owner_tag_of(number)) info.owner = owner;
  return info;
}

}  // namespace

std::vector<DescriptorInfo> audit_descriptors() {
  std::vector<DescriptorInfo> found;
  const int size = ::getdtablesize();
  for (NativeFd number = 0; number < size; ++number) {
    const int flags = ::fcntl(number, F_GETFD);
    if (flags != -1) found.push_back(look_at(number, flags));
  }
  return found;
}

std::vector<DescriptorInfo> audit_descriptors(int pid) {
  if (pid == ::getpid()) return audit_descriptors();
  throw_error(std::make_error_code(std::errc::not_supported),
              "audit of process " + std::to_string(pid));
}

}  // namespace tornado
