// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace tornado::torture {
namespace {

constexpr std::string_view names[] = {"none", "descriptors", "memory", "processes",
                                      "closed"};

void must(int result, const char* act) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), act);
}

void set_limit(int what, rlim_t value) {
  const rlimit limit{value, value};
  must(::setrlimit(static_cast<__rlimit_resource>(what), &limit), "setrlimit");
}

rlim_t address_space() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// The stack grows by memory, too, and a process that may not have it is killed.
[[gnu::noinline]] void grow_stack() {
  volatile char room[256 * 1024];
  for (std::size_t i = 0; i < sizeof room; i += 1024) room[i] = 0;
}

void become(unsigned user) {
  if (::geteuid() != 0) return;
  must(::setresgid(user, user, user), "setresgid");
  must(::setresuid(user, user, user), "setresuid");
  ::prctl(PR_SET_DUMPABLE, 1);  // or /proc/self is root's
}

}  // namespace

std::string to_string(const Limit& limit) {
  std::string text(names[limit.kind]);
  if (limit.kind != Limit::none) text += " " + std::to_string(limit.value);
  return text;
}

Limit parse_limit(const std::string& text) {
  std::istringstream in(text);
  std::string name;
  Limit limit;
  in >> name >> limit.value;
  for (const Limit::Kind kind : {Limit::none, Limit::descriptors, Limit::memory,
                                 Limit::processes, Limit::closed}) {
    limit.kind = kind;
    if (names[kind] == name) return limit;
  }
  throw std::out_of_range(text);
}

std::vector<Limit> limits() {
  std::vector<Limit> all;
  for (unsigned n = 3; n <= 64; ++n) all.push_back({Limit::descriptors, n});
  all.push_back({Limit::memory, 0});
  for (unsigned n = 16; n <= 65536; n *= 2) all.push_back({Limit::memory, n});
  for (unsigned n = 1; n <= 6; ++n) all.push_back({Limit::processes, n});
  for (unsigned n = 1; n <= 7; ++n) all.push_back({Limit::closed, n});
  return all;
}

void impose(const Limit& limit, unsigned user) {
  switch (limit.kind) {
    case Limit::none:
      break;
    case Limit::descriptors:
      set_limit(RLIMIT_NOFILE, limit.value);
      break;
    case Limit::memory:
      grow_stack();
      set_limit(RLIMIT_AS, address_space() + rlim_t{limit.value} * 1024);
      break;
    case Limit::processes:
      become(user);
      set_limit(RLIMIT_NPROC, limit.value);
      break;
    case Limit::closed:
      for (int fd = 0; fd < 3; ++fd) {
        if (limit.value >> fd & 1) ::close(fd);
      }
      break;
  }
}

}  // namespace tornado::torture
