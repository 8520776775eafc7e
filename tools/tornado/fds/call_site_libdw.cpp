// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>

#include "fds/call_site.h"

namespace tornado::cli {
namespace {

constexpr std::size_t deepest = 32;

struct End {
  void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};
using DwflPtr = std::unique_ptr<Dwfl, End>;

// Not dwfl_standard_find_debuginfo, which may ask servers on the network.
constexpr Dwfl_Callbacks of_processes = {.find_elf = dwfl_linux_proc_find_elf,
                                         .find_debuginfo = dwfl_build_id_find_debuginfo,
                                         .section_address = nullptr,
                                         .debuginfo_path = nullptr};
constexpr Dwfl_Callbacks of_files = {.find_elf = dwfl_build_id_find_elf,
                                     .find_debuginfo = dwfl_build_id_find_debuginfo,
                                     .section_address = nullptr,
                                     .debuginfo_path = nullptr};

std::uint64_t inode_of(const std::string& path) {
  struct stat file = {};
  return ::stat(path.c_str(), &file) == 0 ? file.st_ino : 0;
}

std::string path_of(Dwfl_Module* module) {
  const char* file = nullptr;
  const char* name = dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr,
                                      nullptr, &file, nullptr);
  return file ? file : name ? name : "";
}

bool report(Dwfl* dwfl, pid_t process) {
  dwfl_report_begin(dwfl);
  const int failed = dwfl_linux_proc_report(dwfl, process);
  return dwfl_report_end(dwfl, nullptr, nullptr) == 0 && failed == 0;
}

}  // namespace

const bool call_sites_known = true;

struct StackWalker::State {
  struct Space {
    DwflPtr dwfl;
    bool fresh = true;
  };

  Dwfl* know(pid_t process) {
    Space& space = spaces[process];
    if (!space.dwfl) {
      space.dwfl.reset(dwfl_begin(&of_processes));
      if (!space.dwfl || !report(space.dwfl.get(), process) ||
          dwfl_linux_proc_attach(space.dwfl.get(), process, true) != 0) {
        spaces.erase(process);
        return nullptr;
      }
    } else if (!space.fresh) {
      report(space.dwfl.get(), process);
    }
    space.fresh = true;
    return space.dwfl.get();
  }

  std::shared_ptr<const Module> module_of(const std::string& path) {
    auto& module = modules[path];
    if (!module) module = std::make_shared<Module>(Module{path, inode_of(path)});
    return module;
  }

  void add(CallSite& site, Dwfl_Frame* frame) {
    Dwarf_Addr pc = 0;
    bool exact = false;  // else what a call returns to, maybe in another function
    if (!dwfl_frame_pc(frame, &pc, &exact)) return;
    Dwfl* dwfl = dwfl_thread_dwfl(dwfl_frame_thread(frame));
    Dwfl_Module* module = dwfl_addrmodule(dwfl, exact ? pc : pc - 1);
    Dwarf_Addr bias = 0;
    if (!module || !dwfl_module_getelf(module, &bias)) return;
    site.push_back({module_of(path_of(module)), pc - bias});
  }

  std::map<pid_t, Space> spaces = {};
  std::map<std::string, std::shared_ptr<const Module>> modules = {};
};

StackWalker::StackWalker() : state_(std::make_unique<State>()) {}
StackWalker::~StackWalker() = default;

CallSite StackWalker::walk(pid_t process, pid_t tid) {
  struct Walk {
    State* state;
    CallSite site;
  } walk = {state_.get(), {}};
  Dwfl* dwfl = state_->know(process);
  if (!dwfl) return {};
  const auto step = [](Dwfl_Frame* frame, void* argument) -> int {
    auto& [state, site] = *static_cast<Walk*>(argument);
    state->add(site, frame);
    return site.size() < deepest ? DWARF_CB_OK : DWARF_CB_ABORT;
  };
  // Where it fails the stack goes on, and we do not know how.
  (void)dwfl_getthread_frames(dwfl, tid, step, &walk);
  return walk.site;
}

void StackWalker::changed(pid_t process) {
  const auto found = state_->spaces.find(process);
  if (found != state_->spaces.end()) found->second.fresh = false;
}

void StackWalker::forget(pid_t process, const std::string& program) {
  state_->spaces.erase(process);
  state_->modules.erase(program);
}

namespace {

// A module's file, at the addresses that it gives itself.
class ModuleFile {
 public:
  explicit ModuleFile(const Module& module) : dwfl_(dwfl_begin(&of_files)) {
    if (!dwfl_ || module.inode == 0 || inode_of(module.path) != module.inode) return;
    dwfl_report_begin(dwfl_.get());
    module_ = dwfl_report_elf(dwfl_.get(), module.path.c_str(), module.path.c_str(), -1,
                              0, true);
    dwfl_report_end(dwfl_.get(), nullptr, nullptr);
  }

  /// `call`: the address of the call itself, not of what comes after it.
  void name(Place& place, std::uint64_t call) const {
    if (!module_) return;
    GElf_Off offset = 0;
    GElf_Sym symbol = {};
    const char* function = dwfl_module_addrinfo(module_, call, &offset, &symbol,
                                                nullptr, nullptr, nullptr);
    if (function) {
      place.function = demangled(function);
      place.offset = offset + (place.address - call);
    }
    int line = 0;
    Dwfl_Line* const source = dwfl_module_getsrc(module_, call);
    const char* file =
        source ? dwfl_lineinfo(source, nullptr, &line, nullptr, nullptr, nullptr)
               : nullptr;
    if (!file) return;
    place.file = file;
    place.line = static_cast<unsigned>(line);
  }

 private:
  static std::string demangled(const char* name) {
    int status = 0;
    char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = status == 0 ? text : name;
    std::free(text);
    return result;
  }

  DwflPtr dwfl_;
  Dwfl_Module* module_ = nullptr;
};

}  // namespace

std::vector<Place> places_of(const CallSite& site) {
  static std::map<std::shared_ptr<const Module>, ModuleFile> files;
  std::vector<Place> places;
  for (const Frame& frame : site) {
    Place place = {.module = frame.module->path, .address = frame.address};
    const auto file = files.try_emplace(frame.module, *frame.module).first;
    file->second.name(place, frame.address - (places.empty() ? 0 : 1));
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace tornado::cli
