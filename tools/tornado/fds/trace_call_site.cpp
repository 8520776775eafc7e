// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_call_site.h"

namespace tornado::cli {
namespace {

constexpr std::size_t deepest = 32;

// For code without call frame information (Go, hand-written): correct where frame
// pointers are kept.
std::optional<Registers> by_frame_pointer(const Registers& registers, Memory& memory) {
  const std::uint64_t frame = registers.value[frame_pointer];
  if (frame < registers.value[stack_pointer] || frame % 8 != 0) return std::nullopt;
  const auto outer = memory.get<std::uint64_t>(frame);
  const auto back = memory.get<std::uint64_t>(frame + 8);
  if (!outer || !back) return std::nullopt;
  Registers up = registers;
  up.value[frame_pointer] = *outer;
  up.value[stack_pointer] = frame + 16;
  up.pc = plain_address(*back);
  return up;
}

}  // namespace

const Mapping* AddressSpace::code_at(pid_t pid, std::uint64_t address) {
  const Mapping* found = fresh_ ? cli::code_at(mappings_, address) : nullptr;
  if (found != nullptr) return found;
  mappings_ = read_mappings(pid);
  fresh_ = true;
  return cli::code_at(mappings_, address);
}

const StackWalker::Known& StackWalker::know(pid_t tid, const Mapping& mapping) {
  const auto& module = mapping.module;
  const std::pair key(module.path, module.inode);
  const auto found = modules_.find(key);
  if (found != modules_.end()) return found->second;
  Known known = {std::make_shared<Module>(module), CallFrames(tid, mapping.base)};
  return modules_.emplace(key, std::move(known)).first->second;
}

void StackWalker::forget(const std::string& path) {
  const auto first = modules_.lower_bound({path, 0});
  auto last = first;
  while (last != modules_.end() && last->first.first == path) ++last;
  modules_.erase(first, last);
}

CallSite StackWalker::walk(pid_t tid, AddressSpace& space) {
  CallSite site;
  auto registers = registers_of(tid);
  Memory memory(tid);
  bool guess = false;
  bool returns_there = false;  // and the call is before it, maybe in another function
  while (registers && registers->pc != 0 && site.size() < deepest) {
    const Mapping* code = space.code_at(tid, registers->pc);
    if (code == nullptr) break;
    const Known& known = know(tid, *code);
    const auto address = registers->pc - known.frames.bias(code->base);
    site.push_back({known.module, address, guess});
    const auto within = address - (returns_there ? 1 : 0);
    const auto below = registers->value[stack_pointer];
    if (auto up = known.frames.caller(*registers, within, memory)) {
      returns_there = !up->interrupted;
      registers = up->registers;
      if (registers->value[stack_pointer] < below) break;
    } else {
      registers = by_frame_pointer(*registers, memory);
      returns_there = guess = true;
    }
  }
  return site;
}

}  // namespace tornado::cli
