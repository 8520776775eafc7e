// SPDX-License-Identifier: Apache-2.0
// By posix_spawn. POSIX_SPAWN_CLOEXEC_DEFAULT gives the child only the descriptors that
// the file actions name. Options that posix_spawn lacks are refused.
#include <spawn.h>

#include <algorithm>
#include <csignal>
#include <span>
#include <string>

#include "platform/system_error.h"
#include "process/launch.h"
#include "tornado/spawn.h"

namespace tornado {
namespace {

void check(int error, const char* act) {
  if (error != 0) throw_error({error, std::system_category()}, act);
}

void refuse_what_is_not_there(const ChildTask& task) {
  const auto refuse_if = [](bool wanted, const char* what) {
    if (!wanted) return;
    throw_error(std::make_error_code(std::errc::not_supported),
                std::string("spawn: ") + what);
  };
  refuse_if(task.set_umask, "umask");
  refuse_if(task.limits.size != 0, "limits");
  refuse_if(task.nice != 0, "nice");
  refuse_if(task.set_groups || task.set_gid || task.set_uid, "uid, gid or groups");
  refuse_if(task.death_signal != 0, "parent_death_signal");
}

class Attributes {
 public:
  explicit Attributes(const ChildTask& task) {
    check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    sigset_t all, blocked;
    sigfillset(&all);
    sigemptyset(&blocked);
    for (int signal = 1; signal < NSIG; ++signal) {
      if (task.signal_mask >> (signal - 1) & 1) sigaddset(&blocked, signal);
    }
    int flags =
        POSIX_SPAWN_CLOEXEC_DEFAULT | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (task.new_session) flags |= POSIX_SPAWN_SETSID;
    if (task.set_process_group) flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    ::posix_spawnattr_setpgroup(&attributes_, task.process_group);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

class FileActions {
 public:
  explicit FileActions(const ChildTask& task) {
    check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
    try {
      add(task);
    } catch (...) {
      ::posix_spawn_file_actions_destroy(&actions_);
      throw;
    }
  }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept {
    return &actions_;
  }

 private:
  void add(const ChildTask& task) {
    const std::span kept(task.kept.data, task.kept.size);
    for (const auto& [from, to] : std::span(task.moves.data, task.moves.size)) {
      if (from == to) {
        check(::posix_spawn_file_actions_addinherit_np(&actions_, to), "addinherit");
      } else {
        check(::posix_spawn_file_actions_adddup2(&actions_, from, to), "adddup2");
      }
    }
    // Numbers that the plan used in between.
    for (const auto& [from, to] : std::span(task.moves.data, task.moves.size)) {
      if (std::ranges::find(kept, to) == kept.end()) {
        check(::posix_spawn_file_actions_addclose(&actions_, to), "addclose");
      }
    }
    if (task.cwd) {
      check(::posix_spawn_file_actions_addchdir_np(&actions_, task.cwd), "addchdir");
    }
  }

  posix_spawn_file_actions_t actions_;
};

// Like execvp: a missing file does not end the search, and EACCES is reported if no
// other file works.
int spawn_first(const ChildTask& task, const FileActions& actions,
                const Attributes& attributes, int& pid) {
  int error = ENOENT;
  const auto spawn = [&](const char* file, char* const* argv) {
    return ::posix_spawn(&pid, file, actions.get(), attributes.get(), argv,
                         task.environment);
  };
  for (const char* const* file = task.files; *file; ++file) {
    int result = spawn(*file, task.argv);
    if (result == ENOEXEC) {
      task.script_argv[1] = *file;
      result = spawn(task.script_argv[0], const_cast<char* const*>(task.script_argv));
    }
    if (result == 0) return 0;
    if (result != ENOENT && result != ENOTDIR && result != EACCES) return result;
    if (result == EACCES || error == ENOENT) error = result;
  }
  return error;
}

}  // namespace

Launched launch(ChildTask& task) {
  refuse_what_is_not_there(task);
  const FileActions actions(task);
  const Attributes attributes(task);
  int pid = -1;
  const int error = spawn_first(task, actions, attributes, pid);
  if (error == 0) return {pid, {}};
  task.report = {ChildAct::exec, error, 0};
  return {};
}

}  // namespace tornado
