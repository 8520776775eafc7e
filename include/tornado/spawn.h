// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Starts programs that inherit only the descriptors that you pass.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tornado/fd.h"
#include "tornado/native.h"

namespace tornado {

/// The target of one of the child's standard streams.
struct Stdio {
  enum class Kind : std::uint8_t { inherit, null, pipe, file, descriptor, as_stdout };

  Kind kind = Kind::inherit;
  std::string path = {};
  int flags = 0;
  unsigned mode = 0;
  NativeFd fd = invalid_fd;

  /// This process's own stream, or /dev/null if that stream is closed.
  static Stdio inherit() { return {}; }
  static Stdio null() { return {Kind::null}; }
  /// A pipe to this process. Child has this process's end, which is non-blocking. The
  /// child's end blocks, as programs expect.
  static Stdio pipe() { return {Kind::pipe}; }
  /// A file, opened before the child starts. `open_flags` are the flags of open(2). It
  /// does not wait: a FIFO for writing without a reader gives ENXIO.
  static Stdio file(std::string path, int open_flags, unsigned mode = 0666) {
    return {Kind::file, std::move(path), open_flags, mode};
  }
  /// A copy of a descriptor, which stays yours. The child shares O_NONBLOCK with it.
  static Stdio descriptor(NativeFd fd) { return {Kind::descriptor, {}, 0, 0, fd}; }
  /// The target of stdout. For stderr only.
  static Stdio as_stdout() { return {Kind::as_stdout}; }
};

/// The child has a copy of the descriptor `parent` under the number `child`.
struct DescriptorMapping {
  int child;
  NativeFd parent;
};

/// As setrlimit(2). `resource` is RLIMIT_NOFILE, for example.
struct ResourceLimit {
  int resource;
  std::uint64_t soft;
  std::uint64_t hard;
};

struct SpawnOptions {
  /// The program and its arguments. As execvp does, spawn looks for a name without a
  /// slash in the child's PATH. A script without "#!" runs by /bin/sh.
  std::vector<std::string> argv = {};
  /// A command line for /bin/sh, instead of argv.
  std::string shell = {};
  /// The file to execute. Default: argv[0].
  std::string executable = {};

  /// All variables of the child. Default: the variables of this process.
  std::optional<std::vector<std::pair<std::string, std::string>>> environment = {};
  /// Variables to set afterwards, or to remove for std::nullopt.
  std::vector<std::pair<std::string, std::optional<std::string>>> environment_changes =
      {};

  /// Working directory. Relative program names and PATH entries start from there.
  std::string cwd = {};

  Stdio in = {};
  Stdio out = {};
  Stdio err = {};
  /// Descriptors beyond the standard streams.
  std::vector<DescriptorMapping> descriptors = {};

  bool new_session = false;
  /// The process group to join. 0 makes a new group, which the child leads.
  std::optional<int> process_group = {};
  /// At most 0777.
  std::optional<unsigned> umask = {};
  std::vector<ResourceLimit> limits = {};
  /// Added to the niceness of the thread. The sum lies between -20 and 19.
  int nice = 0;

  /// Real, effective and saved ids. spawn sets groups, then gid, then uid, and checks
  /// each. If you set a uid or gid and no groups, the child has no supplementary
  /// groups.
  std::optional<std::uint32_t> uid = {};
  std::optional<std::uint32_t> gid = {};
  std::optional<std::vector<std::uint32_t>> groups = {};

  /// The signal for the child when the thread that spawned it ends. On Linux it is the
  /// thread that counts, and not the process. 0 turns it off.
  int parent_death_signal = 0;
  /// The child's signal mask, without SIGKILL and SIGSTOP.
  std::vector<int> blocked_signals = {};
};

/// A running child. The caller must reap it with wait_child(). Subprocess does so
/// itself.
struct Child {
  int pid = -1;
  /// Readable once the child has ended. Empty if the system has no such descriptor.
  UniqueFd process = {};
  UniqueFd in = {};   ///< for writing, for Stdio::pipe()
  UniqueFd out = {};  ///< for reading, for Stdio::pipe()
  UniqueFd err = {};
};

/// Starts a program. Returns once the program executes. Throws std::system_error with
/// the failed call, such as "exec /no/such: No such file or directory". After an error
/// there is no child, no zombie, no open descriptor, and no SIGCHLD.
///
/// The child has its three streams and the mapped descriptors. It has no other, even if
/// a descriptor lacks close-on-exec, or another thread opens one at that time. Its
/// signal mask is empty, and its signal dispositions are the default. An option that
/// the system does not grant is an error. Wrong options are
/// std::errc::invalid_argument, before a child exists.
///
/// On Linux the cost depends neither on the memory of this process nor on its number of
/// descriptors: see reserve_descriptors_for_spawn(). The first spawn costs more, as it
/// tests which calls the kernel and the sandbox allow. Children may live in a new pid
/// namespace. Thread-safe, but like getenv not against changes to the environment.
[[nodiscard]] TORNADO_API Child spawn(const SpawnOptions& options);
/// The same, with the error in `ec` and pid -1. Throws std::bad_alloc all the same.
[[nodiscard]] TORNADO_API Child spawn(const SpawnOptions& options, std::error_code& ec);

/// How a child ended.
struct ExitStatus {
  /// Errc::status_taken if another part of the program has reaped the child, or ignores
  /// SIGCHLD. Linux 6.15 and later keep the status, and there is no error.
  std::error_code error = {};
  /// The exit status, or the negative number of the signal that killed the child.
  int returncode = 0;
};

/// Waits for the end of the child, and reaps it. Returns its returncode: the exit
/// status, or the negative number of the signal that killed it. Ignores the stops of a
/// child that this process traces. Throws Errc::status_taken, as ExitStatus::error.
TORNADO_API int wait_child(Child& child);

/// Reserves four low descriptor numbers, which spawn needs for an instant to pass pipes
/// cheaply. Each spawn reserves them. A program that opens thousands of descriptors
/// before its first spawn should call this at its start. A program may close the
/// reserved numbers, as closefrom(3) does: spawn checks whether they are still its own.
TORNADO_API void reserve_descriptors_for_spawn();

}  // namespace tornado
