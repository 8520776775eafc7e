// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_machine.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <algorithm>

namespace tornado::cli {
namespace {

#if defined(__x86_64__)

using Raw = user_regs_struct;
constexpr std::uint64_t address_bits = ~std::uint64_t{0};

Registers numbered(const Raw& raw) {
  Registers r;
  r.value = {raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp,
             raw.r8,  raw.r9,  raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15};
  r.pc = raw.rip;
  return r;
}

#elif defined(__aarch64__)

using Raw = user_regs_struct;
constexpr std::uint64_t address_bits = (std::uint64_t{1} << 48) - 1;

Registers numbered(const Raw& raw) {
  Registers r;
  std::copy(std::begin(raw.regs), std::end(raw.regs), r.value.begin());
  r.value[stack_pointer] = raw.sp;
  r.pc = raw.pc;
  return r;
}

#endif

}  // namespace

std::optional<Registers> registers_of(pid_t tid) {
  Raw raw = {};
  iovec into = {&raw, sizeof raw};
  if (::ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &into) == -1) return std::nullopt;
  return numbered(raw);
}

std::uint64_t plain_address(std::uint64_t address) {
  return address & address_bits;
}

}  // namespace tornado::cli
