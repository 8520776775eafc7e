// SPDX-License-Identifier: Apache-2.0
#include "support/deny.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "support/child.h"

namespace tornado::test {
namespace {

using Filter = std::vector<sock_filter>;

void load(Filter& filter, std::size_t offset) {
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)));
}

void skip_unless_equal(Filter& filter, std::uint32_t value, std::uint8_t count) {
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}

void append(Filter& filter, const Denied& call) {
  load(filter, offsetof(seccomp_data, nr));
  skip_unless_equal(filter, static_cast<std::uint32_t>(call.number), call.when ? 3 : 1);
  if (call.when) {
    load(filter, offsetof(seccomp_data, args) + 8 * call.when->index);
    skip_unless_equal(filter, call.when->value, 1);
  }
  const auto error = static_cast<std::uint32_t>(call.error);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
}

}  // namespace

bool deny(std::initializer_list<Denied> calls) {
  Filter filter;
  for (const Denied& call : calls) append(filter, call);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool can_deny() {
  const auto result = run_in_child([] {
    const bool denied = deny({{SYS_getppid, ENOSYS}}) && ::syscall(SYS_getppid) == -1 &&
                        errno == ENOSYS;
    return std::string(denied ? "yes" : "no");
  });
  return result.output == "yes";
}

}  // namespace tornado::test
