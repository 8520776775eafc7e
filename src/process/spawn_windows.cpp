// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/child_handles_windows.h"
#include "process/command_line.h"
#include "process/exit_wait.h"
#include "process/program_windows.h"
#include "process/spawn.h"

namespace tornado {
namespace {

[[noreturn]] void refuse(std::errc reason, const std::string& why) {
  throw_error(std::make_error_code(reason), "spawn: " + why);
}

void check_supported(const SpawnOptions& options) {
  const char* unsupported = options.new_session                      ? "new_session"
                            : options.process_group.value_or(0) != 0 ? "process_group"
                            : options.umask                          ? "umask"
                            : !options.limits.empty()                ? "limits"
                            : options.nice != 0                      ? "nice"
                            : options.uid                            ? "uid"
                            : options.gid                            ? "gid"
                            : options.groups                         ? "groups"
                            : !options.blocked_signals.empty()       ? "blocked_signals"
                                                                     : nullptr;
  if (unsupported) {
    refuse(std::errc::not_supported,
           std::string(unsupported) + " is not supported on Windows");
  }
  const int signal = options.parent_death_signal;
  if (signal != 0 && signal != kill_signal) {
    refuse(std::errc::not_supported, "parent_death_signal " + std::to_string(signal) +
                                         ": only SIGKILL is supported on Windows");
  }
}

std::wstring system_directory() {
  std::wstring name(MAX_PATH, L'\0');
  name.resize(::GetSystemDirectoryW(name.data(), static_cast<UINT>(name.size())));
  if (name.empty()) throw_windows_error("GetSystemDirectory");
  return name;
}

/// The program and its arguments as CreateProcess takes them.
class Program {
 public:
  explicit Program(const SpawnOptions& options)
      : environment(environment_block(options)),
        cwd(options.cwd.empty() ? L""
                                : absolute_path(to_wide(options.cwd, "cwd"), {})) {
    if (options.argv.empty() == options.shell.empty()) {
      refuse(std::errc::invalid_argument, "give either argv or shell");
    }
    check_cwd(options);
    if (options.shell.empty()) {
      take_arguments(options);
    } else {
      file = system_directory() + L"\\cmd.exe";
      line = to_wide(shell_command_line(options.shell), "shell");
    }
    constexpr std::size_t longest = 32'766;
    if (line.size() > longest) {
      refuse(std::errc::argument_list_too_long,
             "a command line of " + std::to_string(line.size()) + " UTF-16 units");
    }
  }

  std::wstring environment;
  std::wstring cwd;
  std::wstring file;
  std::wstring line;

 private:
  void take_arguments(const SpawnOptions& options) {
    const std::string& program =
        options.executable.empty() ? options.argv.front() : options.executable;
    if (is_batch_file(program)) {
      refuse(
          std::errc::invalid_argument,
          "\"" + program + "\" is a batch file, for which arguments cannot be quoted");
    }
    line = to_wide(join_command_line(options.argv), "argv");
    file =
        find_program(program, find_variable(environment, L"PATH").value_or(L""), cwd);
  }
  void check_cwd(const SpawnOptions& options) const {
    if (cwd.empty()) return;
    const DWORD attributes = ::GetFileAttributesW(cwd.c_str());
    if (attributes == INVALID_FILE_ATTRIBUTES)
      throw_windows_error("chdir " + options.cwd);
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY)) {
      throw_error(std::make_error_code(std::errc::not_a_directory),
                  "chdir " + options.cwd);
    }
  }
};

UniqueHandle make_job() {
  UniqueHandle job(::CreateJobObjectW(nullptr, nullptr));
  if (!job) throw_windows_error("CreateJobObject");
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits,
                                 sizeof limits)) {
    throw_windows_error("SetInformationJobObject");
  }
  return job;
}

/// The job whose processes, and their descendants, end with this process in any case.
/// Only this process has its handle, and never closes it. Throws if it cannot be made.
HANDLE dies_with_this_process() {
  static const HANDLE job = make_job().release();
  return job;
}

/// The attributes that STARTUPINFOEX adds to STARTUPINFO. Throws if they cannot be
/// made.
class CreationAttributes {
 public:
  explicit CreationAttributes(DWORD count) {
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, count, 0, &size);
    memory_ = std::make_unique<std::byte[]>(size);
    const auto list = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get());
    if (!::InitializeProcThreadAttributeList(list, count, 0, &size)) {
      throw_windows_error("InitializeProcThreadAttributeList");
    }
    list_ = list;
  }
  ~CreationAttributes() { ::DeleteProcThreadAttributeList(list_); }
  CreationAttributes(const CreationAttributes&) = delete;
  CreationAttributes& operator=(const CreationAttributes&) = delete;

  /// The child inherits only these. Each may be listed once. Borrowed until the child
  /// is created.
  void set_handles(std::vector<HANDLE>& handles) {
    set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles.data(),
        handles.size() * sizeof(HANDLE), "PROC_THREAD_ATTRIBUTE_HANDLE_LIST");
  }
  /// The child is created within the job. Borrowed as well.
  void set_job(HANDLE& job) {
    constexpr DWORD_PTR job_list = 0x2000d;  // PROC_THREAD_ATTRIBUTE_JOB_LIST
    set(job_list, &job, sizeof job, "PROC_THREAD_ATTRIBUTE_JOB_LIST");
  }

  [[nodiscard]] LPPROC_THREAD_ATTRIBUTE_LIST get() const noexcept { return list_; }

 private:
  void set(DWORD_PTR attribute, void* value, std::size_t size, const char* act) {
    if (!::UpdateProcThreadAttribute(list_, 0, attribute, value, size, nullptr,
                                     nullptr)) {
      throw_windows_error(act);
    }
  }

  std::unique_ptr<std::byte[]> memory_;
  LPPROC_THREAD_ATTRIBUTE_LIST list_ = nullptr;
};

STARTUPINFOEXW startup_info(ChildHandles& handles,
                            const CreationAttributes& attributes) {
  STARTUPINFOEXW info{};
  info.StartupInfo.cb = sizeof info;
  info.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  info.StartupInfo.hStdInput = handles.stream(0);
  info.StartupInfo.hStdOutput = handles.stream(1);
  info.StartupInfo.hStdError = handles.stream(2);
  info.StartupInfo.cbReserved2 = static_cast<WORD>(handles.runtime_block().size());
  info.StartupInfo.lpReserved2 =
      handles.runtime_block().empty() ? nullptr : handles.runtime_block().data();
  info.lpAttributeList = attributes.get();
  return info;
}

PROCESS_INFORMATION create(Program& program, ChildHandles& handles,
                           const SpawnOptions& options) {
  HANDLE job = options.parent_death_signal ? dies_with_this_process() : nullptr;
  handles.make_inheritable();
  CreationAttributes attributes(job ? 2 : 1);
  attributes.set_handles(handles.list());
  if (job) attributes.set_job(job);
  STARTUPINFOEXW info = startup_info(handles, attributes);
  PROCESS_INFORMATION result{};
  const DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT |
                      (options.process_group ? CREATE_NEW_PROCESS_GROUP : 0);
  if (!::CreateProcessW(program.file.c_str(), program.line.data(), nullptr, nullptr,
                        TRUE, flags, program.environment.data(),
                        program.cwd.empty() ? nullptr : program.cwd.c_str(),
                        &info.StartupInfo, &result)) {
    throw_windows_error("exec " + to_utf8(program.file));
  }
  return result;
}

}  // namespace

Child start_child(const SpawnOptions& options) {
  check_supported(options);
  Program program(options);
  ChildHandles handles(options);
  const PROCESS_INFORMATION made = create(program, handles, options);
  ::CloseHandle(made.hThread);
  Child child;
  child.pid = static_cast<int>(made.dwProcessId);
  child.process.reset(as_fd(made.hProcess));
  handles.hand_over(child);
  return child;
}

// Windows has no descriptor numbers to reserve.
void reserve_descriptors_for_spawn() {}

}  // namespace tornado
