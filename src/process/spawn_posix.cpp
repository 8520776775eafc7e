// SPDX-License-Identifier: Apache-2.0
#include "process/spawn_posix.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <sstream>
#include <string_view>

#include "platform/sync_point.h"
#include "platform/system_error.h"
#include "process/environment.h"
#include "process/exit_wait.h"
#include "process/launch.h"
#include "process/spawn.h"

namespace tornado {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw_error(std::make_error_code(std::errc::invalid_argument), why);
}

void check_no_nul(const std::string& text, const std::string& what) {
  if (text.find('\0') != text.npos) refuse("spawn: NUL byte in " + what);
}

void check_signal(int signal, const char* what) {
  if (signal < 1 || signal > 64) {
    refuse(std::string("spawn: ") + what + " " + std::to_string(signal));
  }
}

std::string in_octal(unsigned number) {
  std::ostringstream text;
  text << '0' << std::oct << number;
  return text.str();
}

// The kernel would take the nearest niceness that it has.
void check_niceness(int added) {
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, 0);
  if (now == -1 && errno != 0) throw_errno("nice " + std::to_string(added));
  const std::int64_t niceness = std::int64_t{now} + added;
  if (niceness >= PRIO_MIN && niceness < PRIO_MAX) return;
  refuse("spawn: nice " + std::to_string(added) + " makes niceness " +
         std::to_string(niceness) + ", beyond -20 to 19");
}

// The system takes this value for "as it is".
void check_id(const std::optional<std::uint32_t>& id, const char* what) {
  if (id == ~std::uint32_t{0}) refuse(std::string("spawn: ") + what + " -1");
}

// As execvp: an empty entry is the working directory.
std::vector<std::string> search_path(std::string_view path, const std::string& name) {
  std::vector<std::string> files;
  for (;;) {
    const std::size_t colon = path.find(':');
    std::string file(path.substr(0, colon));
    if (!file.empty()) file += '/';
    files.push_back(file + name);
    if (colon == path.npos) return files;
    path.remove_prefix(colon + 1);
  }
}

// The child looks at no value that is not given.
template <class Value>
void give(const std::optional<Value>& option, bool& given, auto& value) {
  given = option.has_value();
  if (option) value = *option;
}

}  // namespace

Preparation::Preparation(const SpawnOptions& options) : options_(options) {
  prepare_argv();
  environment_ = child_environment(options, variables_);
  task_.environment = environment_.data();
  prepare_files();
  prepare_place();
  prepare_limits();
  prepare_ids();
  prepare_signals();
  prepare_descriptors();
}

void Preparation::prepare_argv() {
  if (options_.argv.empty() == options_.shell.empty()) {
    refuse("spawn: give either argv or shell");
  }
  arguments_ = options_.shell.empty()
                   ? options_.argv
                   : std::vector<std::string>{"/bin/sh", "-c", options_.shell};
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    check_no_nul(arguments_[i], "argv[" + std::to_string(i) + "]");
    argv_.push_back(arguments_[i].data());
  }
  argv_.push_back(nullptr);
  task_.argv = argv_.data();
  script_argv_ = {"/bin/sh", nullptr};
  script_argv_.insert(script_argv_.end(), argv_.begin() + 1, argv_.end());
  task_.script_argv = script_argv_.data();
}

void Preparation::prepare_files() {
  const std::string& file =
      options_.executable.empty() ? arguments_.front() : options_.executable;
  check_no_nul(file, "executable");
  if (file.empty() || file.find('/') != file.npos) {
    files_ = {file};
  } else {
    const char* path = find_variable(environment_, "PATH");
    files_ = search_path(path ? path : "/bin:/usr/bin", file);
  }
  for (const std::string& candidate : files_) {
    file_pointers_.push_back(candidate.c_str());
  }
  file_pointers_.push_back(nullptr);
  task_.files = file_pointers_.data();
}

void Preparation::prepare_place() {
  if (options_.new_session && options_.process_group) {
    refuse("spawn: new_session and process_group exclude each other");
  }
  task_.new_session = options_.new_session;
  give(options_.process_group, task_.set_process_group, task_.process_group);
  if (task_.process_group < 0) refuse("spawn: negative process group");
  give(options_.umask, task_.set_umask, task_.umask);
  if (task_.umask > 0777) refuse("spawn: umask " + in_octal(task_.umask));
  if (options_.cwd.empty()) return;
  check_no_nul(options_.cwd, "cwd");
  struct stat status;
  if (::stat(options_.cwd.c_str(), &status) == -1) throw_errno("chdir " + options_.cwd);
  if (!S_ISDIR(status.st_mode)) {
    throw_error(std::make_error_code(std::errc::not_a_directory),
                "chdir " + options_.cwd);
  }
  task_.cwd = options_.cwd.c_str();
}

void Preparation::prepare_limits() {
  for (const ResourceLimit& limit : options_.limits) {
    limits_.push_back({limit.resource, {limit.soft, limit.hard}});
  }
  task_.limits = {limits_.data(), limits_.size()};
  task_.nice = options_.nice;
  if (task_.nice != 0) check_niceness(task_.nice);
}

void Preparation::prepare_ids() {
  check_id(options_.uid, "uid");
  check_id(options_.gid, "gid");
  give(options_.uid, task_.set_uid, task_.uid);
  give(options_.gid, task_.set_gid, task_.gid);
  task_.set_groups = options_.groups || options_.uid || options_.gid;
  if (options_.groups)
    task_.groups = {options_.groups->data(), options_.groups->size()};
}

void Preparation::prepare_signals() {
  if (options_.parent_death_signal != 0) {
    check_signal(options_.parent_death_signal, "parent_death_signal");
    task_.death_signal = options_.parent_death_signal;
    task_.parent = ::getpid();
  }
  for (const int signal : options_.blocked_signals) {
    check_signal(signal, "blocked signal");
    if (signal == SIGKILL || signal == SIGSTOP) {
      refuse("spawn: blocked signal " + std::to_string(signal) + " cannot be blocked");
    }
    task_.signal_mask |= std::uint64_t{1} << (signal - 1);
  }
}

void Preparation::prepare_descriptors() {
  streams_.emplace(options_);
  plan_ = plan_descriptors(streams_->moves());
  task_.moves = {plan_.moves.data(), plan_.moves.size()};
  task_.kept = {plan_.kept.data(), plan_.kept.size()};
  task_.first_unneeded = plan_.first_unneeded;
}

std::string Preparation::failed_act() const {
  const ChildReport& report = task_.report;
  switch (report.act) {
    case ChildAct::none:
      break;
    case ChildAct::unshare_descriptors:
      return "close_range unshare";
    case ChildAct::move_descriptor: {
      const DescriptorMove& move = plan_.moves[report.index];
      return "dup fd " + std::to_string(move.from) + " to child descriptor " +
             std::to_string(move.to);
    }
    case ChildAct::close_descriptors:
      return "close descriptors";
    case ChildAct::session:
      return "setsid";
    case ChildAct::process_group:
      return "setpgid " + std::to_string(task_.process_group);
    case ChildAct::chdir:
      return "chdir " + options_.cwd;
    case ChildAct::limit:
      return "setrlimit " + std::to_string(limits_[report.index].resource);
    case ChildAct::nice:
      return "nice " + std::to_string(task_.nice);
    case ChildAct::groups:
      return "setgroups";
    case ChildAct::gid:
      return "setgid " + std::to_string(task_.gid);
    case ChildAct::uid:
      return "setuid " + std::to_string(task_.uid);
    case ChildAct::death_signal:
      return "prctl PR_SET_PDEATHSIG";
    case ChildAct::signal_mask:
      return "sigprocmask";
    case ChildAct::exec:
      return "exec " +
             (options_.executable.empty() ? arguments_.front() : options_.executable);
  }
  return "spawn";
}

Child start_child(const SpawnOptions& options) {
  reap_abandoned();
  reserve_descriptors_for_spawn();
  return launch_child(options, &launch);
}

Child launch_child(const SpawnOptions& options, Launched (*way)(ChildTask&)) {
  Preparation preparation(options);
  sync_point(SyncPoint::spawn_prepared);
  Launched launched = way(preparation.task());
  sync_point(SyncPoint::spawn_launched);
  if (launched.pid == -1) {
    throw_error({preparation.task().report.error, std::system_category()},
                preparation.failed_act());
  }
  Child child;
  child.pid = launched.pid;
  child.process = std::move(launched.process);
  preparation.hand_over(child);
  return child;
}

}  // namespace tornado
