// SPDX-License-Identifier: Apache-2.0
#include "support/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <sstream>
#include <stdexcept>

namespace tornado::test {
namespace {

std::string kind_of(mode_t mode, const std::string& target) {
  constexpr std::string_view anonymous = "anon_inode:";
  if (target.starts_with(anonymous)) {
    std::string kind = target.substr(anonymous.size());
    if (kind.starts_with("[")) kind = kind.substr(1, kind.size() - 2);
    return kind;
  }
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISFIFO(mode)) return "pipe";
  if (S_ISSOCK(mode)) return "socket";
  if (S_ISCHR(mode)) return "char";
  if (S_ISBLK(mode)) return "block";
  return "unknown";
}

Descriptor describe(int fd) {
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  struct stat status {};
  ::fstat(fd, &status);
  Descriptor result;
  result.fd = fd;
  if (length > 0) result.target.assign(target, static_cast<std::size_t>(length));
  result.kind = kind_of(status.st_mode, result.target);
  result.close_exec = (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
  result.status_flags = ::fcntl(fd, F_GETFL);
  result.offset = ::lseek(fd, 0, SEEK_CUR);
  return result;
}

}  // namespace

std::set<int> open_numbers() {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc/self/fd"),
                                                &::closedir);
  if (!dir) throw std::runtime_error("cannot read /proc/self/fd");
  std::set<int> numbers;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] != '.') numbers.insert(std::atoi(entry->d_name));
  }
  numbers.erase(::dirfd(dir.get()));
  return numbers;
}

std::vector<Descriptor> open_descriptors() {
  std::vector<Descriptor> result;
  for (int fd : open_numbers()) result.push_back(describe(fd));
  return result;
}

std::string to_line(const Descriptor& d) {
  std::ostringstream out;
  out << d.fd << ' ' << d.kind << ' ' << d.close_exec << ' ' << d.status_flags << ' '
      << d.offset << ' ' << d.target;
  return out.str();
}

Descriptor from_line(const std::string& line) {
  std::istringstream in(line);
  Descriptor d;
  in >> d.fd >> d.kind >> d.close_exec >> d.status_flags >> d.offset;
  in.get();
  std::getline(in, d.target);
  if (in.bad() || d.kind.empty()) throw std::runtime_error("not a descriptor: " + line);
  return d;
}

const Descriptor* find(const std::vector<Descriptor>& descriptors, int fd) {
  for (const Descriptor& d : descriptors) {
    if (d.fd == fd) return &d;
  }
  return nullptr;
}

std::ostream& operator<<(std::ostream& out, const Descriptor& descriptor) {
  return out << to_line(descriptor);
}

}  // namespace tornado::test
