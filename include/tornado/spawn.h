// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Starting a program that gets what it is given and nothing else.

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

/// Where one of the child's standard streams leads.
struct Stdio {
  enum class Kind : std::uint8_t { inherit, null, pipe, file, descriptor, as_stdout };

  Kind kind = Kind::inherit;
  std::string path = {};
  int flags = 0;
  unsigned mode = 0;
  NativeFd fd = invalid_fd;

  /// This process's own stream. /dev/null if that is closed: a child has always three.
  static Stdio inherit() { return {}; }
  static Stdio null() { return {Kind::null}; }
  /// To this process: the end is in Child, non-blocking. The child's end blocks, as
  /// programs expect.
  static Stdio pipe() { return {Kind::pipe}; }
  /// Opened before the child is made; `open_flags` are those of open(2). Never waits: a
  /// FIFO for writing that nobody reads is ENXIO.
  static Stdio file(std::string path, int open_flags, unsigned mode = 0666) {
    return {Kind::file, std::move(path), open_flags, mode};
  }
  /// A copy of a descriptor, which stays yours. O_NONBLOCK is shared with the child.
  static Stdio descriptor(NativeFd fd) { return {Kind::descriptor, {}, 0, 0, fd}; }
  /// What stdout became; for stderr only.
  static Stdio as_stdout() { return {Kind::as_stdout}; }
};

/// The child finds `parent`'s open file description under the number `child`.
struct DescriptorMapping {
  int child;
  NativeFd parent;
};

/// As setrlimit(2): RLIMIT_NOFILE and so on.
struct ResourceLimit {
  int resource;
  std::uint64_t soft;
  std::uint64_t hard;
};

struct SpawnOptions {
  /// The program and its arguments. As execvp does, spawn looks for a name without a
  /// slash in the child's PATH, and executes a script without "#!" by /bin/sh.
  std::vector<std::string> argv = {};
  /// Instead of argv: a line for /bin/sh.
  std::string shell = {};
  /// The file to execute, if it is not argv[0].
  std::string executable = {};

  /// All variables of the child. Unset: those of this process.
  std::optional<std::vector<std::pair<std::string, std::string>>> environment = {};
  /// Then set, or with std::nullopt removed.
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
  /// Process group to join; 0: a new one, led by the child.
  std::optional<int> process_group = {};
  /// At most 0777.
  std::optional<unsigned> umask = {};
  std::vector<ResourceLimit> limits = {};
  /// Added to the niceness of the thread. The sum lies between -20 and 19.
  int nice = 0;

  /// Real, effective and saved ids. Set in the order groups, gid, uid; each is checked.
  /// With a uid or gid but no groups the child has no supplementary groups.
  std::optional<std::uint32_t> uid = {};
  std::optional<std::uint32_t> gid = {};
  std::optional<std::vector<std::uint32_t>> groups = {};

  /// Sent to the child when the thread (sic: a rule of Linux) that spawned it ends.
  int parent_death_signal = 0;
  /// The child's signal mask, without SIGKILL and SIGSTOP. All dispositions are the
  /// default ones.
  std::vector<int> blocked_signals = {};
};

/// A running child that the caller has to reap: wait_child(), or Subprocess instead.
struct Child {
  int pid = -1;
  /// Readable once the child has ended. Empty where the system has no such thing.
  UniqueFd process = {};
  UniqueFd in = {};   ///< for writing, if it was Stdio::pipe()
  UniqueFd out = {};  ///< for reading
  UniqueFd err = {};
};

/// Starts a program. Returns once it executes, and throws std::system_error if it does
/// not, naming the act: "exec /no/such: No such file or directory". Then there is no
/// child, no zombie and no descriptor left, and no SIGCHLD was raised.
///
/// The child has the three streams, the mapped descriptors, and no other, whatever
/// other threads open meanwhile and whatever lacks close-on-exec. Its signal mask is
/// empty and its signal dispositions are the default ones. What cannot be granted
/// is an error, never left out in silence: std::errc::invalid_argument (and so on)
/// before a child exists for what can be known to be wrong.
///
/// On Linux the cost depends neither on the memory of this process nor on how many
/// descriptors it has open; see reserve_descriptors_for_spawn(). The first spawn finds
/// out which calls the kernel and the sandbox grant, and costs more. Children may live
/// in a pid namespace that this process is not in, also from the first on. Thread-safe,
/// except against changes to the environment, as getenv is.
[[nodiscard]] TORNADO_API Child spawn(const SpawnOptions& options);
/// The same, with the error in `ec` instead, and then pid -1. Still throws
/// std::bad_alloc.
[[nodiscard]] TORNADO_API Child spawn(const SpawnOptions& options, std::error_code& ec);

/// How a child ended.
struct ExitStatus {
  /// Errc::status_taken: another part of the program reaped the child, or ignores
  /// SIGCHLD, and the kernel does not keep the status. Linux 6.15 and later keep it.
  std::error_code error = {};
  /// The exit status, or the negative number of the signal that killed it.
  int returncode = 0;
};

/// Waits for the end of the child, reaps it and gives its returncode: the exit status,
/// or the negative number of the signal that killed it. The stop of a child that this
/// process traces is left to the tracer. If another part of the program has reaped the
/// child, or ignores SIGCHLD, the status comes from `process` (Linux 6.15). Where the
/// kernel keeps none: Errc::status_taken.
TORNADO_API int wait_child(Child& child);

/// To hand pipes to a child cheaply, spawn needs low descriptor numbers for an instant.
/// Each spawn makes sure that four are reserved. A program that opens thousands of
/// descriptors before it spawns should call this at its start. A program may close the
/// reserved numbers, as closefrom(3) does, and use them: spawn looks whose they are.
TORNADO_API void reserve_descriptors_for_spawn();

}  // namespace tornado
