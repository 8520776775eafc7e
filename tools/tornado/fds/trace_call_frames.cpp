// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_call_frames.h"

#include <elf.h>

#include <algorithm>

#include "fds/trace_expression.h"
#include "fds/trace_unwind_row.h"

namespace tornado::cli {
namespace {

using Kind = RegisterRule::Kind;

constexpr std::size_t greatest_section = std::size_t{64} << 20;
constexpr unsigned encoding_of_pairs = 0x3b;  // 32 bits, from the index's start on

struct Function {
  CommonInformation common = {};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::span<const unsigned char> instructions = {};
};

std::vector<Elf64_Phdr> program_headers(pid_t pid, std::uint64_t base) {
  Memory memory(pid);
  const auto header = memory.get<Elf64_Ehdr>(base);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64) {
    return {};
  }
  std::vector<Elf64_Phdr> headers;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto one =
        memory.get<Elf64_Phdr>(base + header->e_phoff + i * sizeof(Elf64_Phdr));
    if (one) headers.push_back(*one);
  }
  return headers;
}

// Where the stretch of the file that is loaded around `address` ends.
std::uint64_t end_of_segment(const std::vector<Elf64_Phdr>& headers,
                             std::uint64_t address) {
  for (const auto& one : headers) {
    if (one.p_type == PT_LOAD && address - one.p_vaddr < one.p_memsz) {
      return one.p_vaddr + one.p_memsz;
    }
  }
  return address;
}

// The letters after 'z' tell what the data holds.
bool parse_augmentation(const std::string& letters, DwarfReader& in,
                        CommonInformation& common) {
  if (letters.empty()) return true;
  if (letters[0] != 'z') return false;
  common.has_augmentation = true;
  const std::uint64_t size = in.uleb();
  const std::uint64_t address = in.address();
  DwarfReader data(in.take(size), address);
  for (const char letter : letters.substr(1)) {
    if (letter == 'R') common.pointer_encoding = data.number<std::uint8_t>();
    if (letter == 'P') (void)data.pointer(data.number<std::uint8_t>());
    if (letter == 'L') (void)data.number<std::uint8_t>();
    if (letter == 'S') common.signal_frame = true;
  }
  return true;
}

// Of a common description (identifier 0) or that of a function; nothing at the end.
std::optional<DwarfReader> record(std::span<const unsigned char> frames,
                                  std::uint64_t frames_address, std::uint64_t address) {
  if (address < frames_address || address - frames_address >= frames.size()) {
    return std::nullopt;
  }
  DwarfReader in(frames.subspan(static_cast<std::size_t>(address - frames_address)),
                 address);
  const auto size = in.number<std::uint32_t>();
  if (size == 0 || size == 0xffffffff) return std::nullopt;
  const std::uint64_t begin = in.address();
  return DwarfReader(in.take(size), begin);
}

std::optional<CommonInformation> parse_common(DwarfReader in) {
  CommonInformation common;
  if (in.number<std::uint32_t>() != 0) return std::nullopt;
  const auto version = in.number<std::uint8_t>();
  if (version != 1 && version != 3) return std::nullopt;
  const std::string letters = in.text();
  common.code_unit = in.uleb();
  common.data_unit = in.sleb();
  common.return_register =
      static_cast<unsigned>(version == 1 ? in.number<std::uint8_t>() : in.uleb());
  if (!parse_augmentation(letters, in, common)) return std::nullopt;
  common.instructions = in.rest();
  return common;
}

std::optional<Function> parse_function(std::span<const unsigned char> frames,
                                       std::uint64_t frames_address,
                                       std::uint64_t address) {
  auto in = record(frames, frames_address, address);
  if (!in) return std::nullopt;
  const std::uint64_t here = in->address();
  const auto back = in->number<std::uint32_t>();
  const auto common_record = record(frames, frames_address, here - back);
  if (back == 0 || !common_record) return std::nullopt;
  const auto common = parse_common(*common_record);
  if (!common) return std::nullopt;
  Function f;
  f.common = *common;
  f.begin = in->pointer(common->pointer_encoding);
  f.end = f.begin + in->pointer(common->pointer_encoding & 0x0f);
  if (common->has_augmentation) (void)in->take(in->uleb());
  if (!in->good()) return std::nullopt;
  f.instructions = in->rest();
  return f;
}

std::optional<UnwindRow> row_at(const Function& f, std::uint64_t pc) {
  RowBuilder builder(f.common, f.begin, pc);
  if (!builder.run(f.common.instructions)) return std::nullopt;
  builder.remember_initial();
  if (!builder.run(f.instructions)) return std::nullopt;
  return builder.row();
}

std::optional<std::uint64_t> frame_address(const RegisterRule& rule,
                                           const Registers& registers, Memory& memory) {
  if (rule.kind == Kind::is_expression) {
    return evaluate(rule.expression, registers, memory, std::nullopt);
  }
  if (rule.kind != Kind::is_offset || rule.other >= registers.value.size()) {
    return std::nullopt;
  }
  return registers.value[rule.other] + static_cast<std::uint64_t>(rule.offset);
}

std::optional<std::uint64_t> restored(const RegisterRule& rule, unsigned index,
                                      std::uint64_t frame, const Registers& registers,
                                      Memory& memory) {
  const auto at = frame + static_cast<std::uint64_t>(rule.offset);
  const auto value_of = [&](unsigned i) {
    return i < registers.value.size() ? registers.value[i] : 0;
  };
  switch (rule.kind) {
    case Kind::same:
      return value_of(index);
    case Kind::undefined:
      return 0;
    case Kind::at_offset:
      return memory.get<std::uint64_t>(at);
    case Kind::is_offset:
      return at;
    case Kind::in_register:
      return value_of(rule.other);
    case Kind::is_expression:
      return evaluate(rule.expression, registers, memory, frame);
    case Kind::at_expression: {
      const auto address = evaluate(rule.expression, registers, memory, frame);
      return address ? memory.get<std::uint64_t>(*address) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

CallFrames::CallFrames(pid_t pid, std::uint64_t base) {
  const auto headers = program_headers(pid, base);
  std::uint64_t first = ~std::uint64_t{0};
  for (const auto& one : headers) {
    if (one.p_type == PT_LOAD) first = std::min(first, one.p_vaddr);
    if (one.p_type == PT_GNU_EH_FRAME) index_address_ = one.p_vaddr;
  }
  first_address_ = headers.empty() ? 0 : first & ~std::uint64_t{0xfff};
  if (index_address_ == 0) return;
  const std::uint64_t shift = bias(base);
  const std::uint64_t end = end_of_segment(headers, index_address_);
  index_ = read_memory(pid, index_address_ + shift,
                       std::min(end - index_address_, greatest_section));
  DwarfReader in(index_, index_address_);
  if (in.number<std::uint8_t>() != 1) return;
  const unsigned encoding = in.number<std::uint8_t>();
  (void)in.take(2);
  frames_address_ = in.pointer(encoding, index_address_);
  if (!in.good()) return;
  frames_ =
      read_memory(pid, frames_address_ + shift,
                  std::min(end_of_segment(headers, frames_address_) - frames_address_,
                           greatest_section));
}

std::optional<std::uint64_t> CallFrames::description_of(std::uint64_t pc) const {
  DwarfReader in(index_, index_address_);
  (void)in.take(2);
  const unsigned count_encoding = in.number<std::uint8_t>();
  const unsigned encoding = in.number<std::uint8_t>();
  (void)in.take(4);
  const std::uint64_t count = in.pointer(count_encoding, index_address_);
  if (!in.good() || encoding != encoding_of_pairs) return std::nullopt;
  const std::uint64_t pairs = in.address() - index_address_;
  const auto pair = [&](std::uint64_t i) {
    const std::uint64_t at = pairs + 8 * i;
    const std::span<const unsigned char> index = index_;
    DwarfReader one(index.subspan(std::min<std::uint64_t>(at, index.size())),
                    index_address_ + at);
    const std::uint64_t begin = one.pointer(encoding, index_address_);
    return std::pair(begin, one.pointer(encoding, index_address_));
  };
  std::uint64_t low = 0;
  std::uint64_t high = std::min(count, index_.size() / 8);
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (pair(middle).first <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  return pair(low - 1).second;
}

std::optional<CallFrames::Caller> CallFrames::caller(const Registers& registers,
                                                     std::uint64_t pc,
                                                     Memory& memory) const {
  if (frames_.empty()) return std::nullopt;
  const auto address = description_of(pc);
  if (!address) return std::nullopt;
  const auto function = parse_function(frames_, frames_address_, *address);
  if (!function || pc < function->begin || pc >= function->end) return std::nullopt;
  const auto row = row_at(*function, pc);
  if (!row) return std::nullopt;
  const auto frame = frame_address(row->frame, registers, memory);
  if (!frame) return std::nullopt;
  Caller up = {registers, function->common.signal_frame};
  up.registers.value[stack_pointer] = *frame;
  for (unsigned i = 0; i < up.registers.value.size(); ++i) {
    const auto& rule = row->registers[i];
    if (rule.kind == Kind::same) continue;
    const auto value = restored(rule, i, *frame, registers, memory);
    if (!value) return std::nullopt;
    up.registers.value[i] = *value;
  }
  const unsigned back = function->common.return_register;
  if (back >= row->registers.size()) return std::nullopt;
  const auto pc_above = restored(row->registers[back], back, *frame, registers, memory);
  if (!pc_above) return std::nullopt;
  up.registers.pc = plain_address(*pc_above);
  return up;
}

}  // namespace tornado::cli
