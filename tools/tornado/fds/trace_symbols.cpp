// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <system_error>

#include "fds/source_lines.h"
#include "tornado/fd.h"

namespace tornado::cli {
namespace {

// A file in memory, if it is still the one that was executed.
class ModuleFile {
 public:
  explicit ModuleFile(const Module& module) {
    if (!module.path.starts_with('/')) return;
    try {
      const UniqueFd file = open_file(module.path.c_str(), O_RDONLY);
      struct stat status = {};
      if (::fstat(file.get(), &status) == -1 || status.st_ino != module.inode) return;
      const auto size = static_cast<std::size_t>(status.st_size);
      void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
      if (start != MAP_FAILED) bytes_ = {static_cast<const char*>(start), size};
    } catch (const std::system_error&) {
      // No names then.
    }
  }
  ~ModuleFile() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  ModuleFile(const ModuleFile&) = delete;
  ModuleFile& operator=(const ModuleFile&) = delete;

  [[nodiscard]] bool readable() const { return !bytes_.empty(); }

  template <class T>
  T at(std::uint64_t offset) const {
    T value = {};
    const auto bytes = part(offset, sizeof value);
    if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::string text(std::uint64_t offset) const {
    const auto rest = part(offset, bytes_.size());
    return {rest.data(), ::strnlen(rest.data(), rest.size())};
  }

 private:
  [[nodiscard]] std::span<const char> part(std::uint64_t offset,
                                           std::uint64_t size) const {
    if (offset >= bytes_.size()) return {};
    return bytes_.subspan(offset, std::min(size, bytes_.size() - offset));
  }

  std::span<const char> bytes_ = {};
};

struct Symbol {
  std::uint64_t name_at = 0;  ///< in the file
  std::uint64_t begin = 0;
};

// The function of one symbol table in which the address lies.
Symbol find_in(const ModuleFile& file, const Elf64_Shdr& table, std::uint64_t names,
               std::uint64_t address) {
  Symbol best;
  for (std::uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = file.at<Elf64_Sym>(table.sh_offset + i * sizeof(Elf64_Sym));
    const auto type = ELF64_ST_TYPE(symbol.st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF ||
        symbol.st_value > address || address - symbol.st_value >= symbol.st_size) {
      continue;
    }
    // Of the functions of an alias the shortest name is mostly the public one.
    const bool shorter =
        best.name_at != 0 && symbol.st_value == best.begin &&
        file.text(names + symbol.st_name).size() < file.text(best.name_at).size();
    if (symbol.st_value > best.begin || best.name_at == 0 || shorter) {
      best = {names + symbol.st_name, symbol.st_value};
    }
  }
  return best;
}

Symbol find_symbol(const ModuleFile& file, std::uint64_t address) {
  const auto header = file.at<Elf64_Ehdr>(0);
  Symbol best;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return best;
  const auto section = [&](unsigned i) {
    return file.at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
  };
  // The full table if the file was not stripped, or else what it exports.
  for (const Elf64_Word type : {Elf64_Word{SHT_SYMTAB}, Elf64_Word{SHT_DYNSYM}}) {
    for (unsigned i = 0; i < header.e_shnum && best.name_at == 0; ++i) {
      const auto table = section(i);
      if (table.sh_type != type) continue;
      best = find_in(file, table, section(table.sh_link).sh_offset, address);
    }
  }
  return best;
}

std::string demangled(const std::string& name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

void name(Place& place, const ModuleFile& file, std::uint64_t call) {
  const Symbol symbol = find_symbol(file, call);
  if (symbol.name_at == 0) return;
  place.function = demangled(file.text(symbol.name_at));
  place.offset = place.address - symbol.begin;
}

// Names of templates can fill a screen.
std::string shortened(const std::string& function) {
  constexpr std::size_t room = 60;
  return function.size() <= room ? function : function.substr(0, room) + "...";
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::vector<Place> places_of(const CallSite& site) {
  std::vector<Place> places;
  std::map<std::string, std::vector<std::size_t>> with_lines;
  std::vector<std::uint64_t> calls;
  for (const auto& frame : site) {
    // The call itself, not what comes after it.
    calls.push_back(frame.address - (places.empty() ? 0 : 1));
    Place place = {.module = frame.module->path, .address = frame.address};
    place.guess = frame.guess;
    const ModuleFile file(*frame.module);
    if (file.readable()) {
      name(place, file, calls.back());
      if (!is_runtime(place.module)) with_lines[place.module].push_back(places.size());
    }
    places.push_back(std::move(place));
  }
  for (const auto& [module, indices] : with_lines) {
    std::vector<std::uint64_t> addresses;
    for (const auto i : indices) addresses.push_back(calls[i]);
    const auto lines = source_lines(module, addresses);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      places[indices[i]].file = lines[i].file;
      places[indices[i]].line = lines[i].line;
    }
  }
  return places;
}

bool is_runtime(const std::string& module) {
  constexpr std::array<std::string_view, 8> names = {
      "libc.so",     "libc-",     "ld-linux",  "ld-musl",
      "libpthread.", "libstdc++", "libc++.so", "[vdso]"};
  const auto name = base_name(module);
  return std::any_of(names.begin(), names.end(),
                     [&](auto prefix) { return name.starts_with(prefix); });
}

std::string to_string(const Place& place) {
  std::string text =
      place.function.empty()
          ? std::string("?")
          : fmt::format("{}+{:#x}", shortened(place.function), place.offset);
  if (!place.file.empty()) text += fmt::format(" at {}:{}", place.file, place.line);
  text += fmt::format("  [{}+{:#x}]", base_name(place.module), place.address);
  if (place.guess) text += "  (a guess)";
  return text;
}

}  // namespace tornado::cli
