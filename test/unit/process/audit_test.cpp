// SPDX-License-Identifier: Apache-2.0
#include "tornado/audit.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "support/child.h"
#include "support/limits.h"
#include "support/mounts.h"
#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/ioloop.h"
#include "tornado/platform.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

DescriptorInfo info_of(const std::vector<DescriptorInfo>& all, int fd) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [fd](const auto& d) { return d.number == fd; });
  return found == all.end() ? DescriptorInfo() : *found;
}

std::string kind_of(int fd) {
  return info_of(audit_descriptors(), fd).kind;
}

UniqueFd memory_file() {
  return UniqueFd(::memfd_create("audited", MFD_CLOEXEC));
}

TEST(Audit, lists_number_kind_target_flags_and_offset) {
  const UniqueFd file = memory_file();
  ASSERT_EQ(::write(file.get(), "12345", 5), 5);
  const DescriptorInfo info = info_of(audit_descriptors(), file.get());
  EXPECT_EQ(info.kind, "file");
  EXPECT_EQ(info.target, "/memfd:audited (deleted)");
  EXPECT_EQ(info.flags & O_ACCMODE, O_RDWR);
  EXPECT_EQ(info.offset, 5);
  EXPECT_TRUE(info.close_exec);
  const FdPair pipe = make_pipe();
  const DescriptorInfo writer = info_of(audit_descriptors(), pipe.second.get());
  EXPECT_EQ(writer.kind, "pipe");
  EXPECT_EQ(writer.flags & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
  EXPECT_EQ(writer.offset, -1);
}

TEST(Audit, names_the_kinds) {
  sigset_t none;
  sigemptyset(&none);
  const FdPair sockets = make_socket_pair();
  const UniqueFd directory = open_file("/", O_RDONLY | O_DIRECTORY);
  const UniqueFd null = open_file("/dev/null", O_RDONLY);
  const UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const UniqueFd signals(::signalfd(-1, &none, SFD_CLOEXEC));
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  EXPECT_EQ(kind_of(sockets.first.get()), "socket");
  EXPECT_EQ(kind_of(directory.get()), "directory");
  EXPECT_EQ(kind_of(null.get()), "char");
  EXPECT_EQ(kind_of(timer.get()), "timerfd");
  EXPECT_EQ(kind_of(signals.get()), "signalfd");
  EXPECT_EQ(kind_of(watch.get()), "inotify");
  const UniqueFd terminal(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (terminal) {
    EXPECT_EQ(kind_of(terminal.get()), "terminal");
  }
}

// The text for a device that is not open; empty where no device can be made.
DescriptorInfo info_of_device(mode_t mode, unsigned major) {
  const std::string path =
      testing::TempDir() + "audit_device_" + std::to_string(::getpid());
  if (::mknod(path.c_str(), mode | 0600, makedev(major, 0)) == -1) return {};
  const UniqueFd device = open_file(path.c_str(), O_PATH);
  ::unlink(path.c_str());
  return info_of(audit_descriptors(), device.get());
}

TEST(Audit, tells_terminals_from_other_devices) {
  if (info_of_device(S_IFCHR, 1).kind.empty()) {
    GTEST_SKIP() << "no devices can be made here";
  }
  EXPECT_EQ(info_of_device(S_IFCHR, 4).kind, "terminal") << "a console";
  EXPECT_EQ(info_of_device(S_IFCHR, 5).kind, "terminal") << "/dev/tty";
  EXPECT_EQ(info_of_device(S_IFCHR, 135).kind, "char");
  EXPECT_EQ(info_of_device(S_IFCHR, 136).kind, "terminal") << "of /dev/pts";
  EXPECT_EQ(info_of_device(S_IFCHR, 143).kind, "terminal");
  EXPECT_EQ(info_of_device(S_IFCHR, 144).kind, "char");
  EXPECT_EQ(info_of_device(S_IFBLK, 7).kind, "block");
  EXPECT_EQ(info_of_device(S_IFBLK, 7).offset, 0);
}

TEST(Audit, calls_what_it_does_not_know_unknown) {
  const std::string path =
      testing::TempDir() + "audit_link_" + std::to_string(::getpid());
  ASSERT_EQ(::symlink("/", path.c_str()), 0);
  const UniqueFd link = open_file(path.c_str(), O_PATH | O_NOFOLLOW);
  ::unlink(path.c_str());
  EXPECT_EQ(kind_of(link.get()), "unknown");
}

TEST(Audit, lists_what_is_open_and_not_what_it_reads_with) {
  std::vector<int> numbers;
  for (const auto& descriptor : audit_descriptors()) {
    numbers.push_back(descriptor.number);
    EXPECT_NE(::fcntl(descriptor.number, F_GETFD), -1) << to_string(descriptor);
  }
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST(Audit, knows_which_part_of_the_library_made_a_descriptor) {
  IOLoop loop(LoopOptions{PollerKind::epoll, WakerKind::pipe, {}});
  Child child = spawn({.argv = {"cat"}, .in = Stdio::pipe()});
  const auto all = audit_descriptors();
  const auto made_by = [&all](const std::string& owner) {
    return std::count_if(all.begin(), all.end(),
                         [&owner](const auto& d) { return d.owner == owner; });
  };
  EXPECT_EQ(made_by("Waker"), 2);
  EXPECT_EQ(made_by("IOLoop"), 1);
  EXPECT_EQ(made_by("spawn slot"), 4);
  const DescriptorInfo end = info_of(all, child.in.get());
  EXPECT_EQ(end.owner, "spawn");
  EXPECT_EQ(to_string(end),
            std::to_string(end.number) + " pipe " + end.target + " (spawn)");
  EXPECT_EQ(to_string(audit_descriptors(::getpid())), to_string(all));
  const int number = child.in.get();
  child.in.reset();
  const UniqueFd reused(::fcntl(0, F_DUPFD_CLOEXEC, number));
  EXPECT_EQ(info_of(audit_descriptors(), reused.get()).owner, "");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Audit, lists_great_numbers_without_their_maker) {
  constexpr int great = 5000;
  if (!can_have_descriptors(great + 1)) {
    GTEST_SKIP() << "RLIMIT_NOFILE cannot be raised enough here";
  }
  const DescriptorLimit room(great + 1);
  const IOLoop loop(LoopOptions{PollerKind::epoll, WakerKind::eventfd, {}});
  const auto all = audit_descriptors();
  const auto eventfd = std::find_if(all.begin(), all.end(),
                                    [](const auto& d) { return d.owner == "Waker"; });
  ASSERT_NE(eventfd, all.end());
  const UniqueFd copy(::fcntl(eventfd->number, F_DUPFD_CLOEXEC, great));
  const DescriptorInfo info = info_of(audit_descriptors(), great);
  EXPECT_EQ(info.kind, "eventfd");
  EXPECT_EQ(info.owner, "");
}

TEST(Audit, the_library_itself_leaks_nothing) {
  const LeakScope scope;
  IOLoop loop;
  Child child = spawn({.argv = {"cat"}, .in = Stdio::pipe(), .out = Stdio::pipe()});
  const FdPair pipe = make_pipe();
  EXPECT_EQ(to_string(scope.leaks()), "");
  child.in.reset();
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Audit, tells_of_another_process) {
  const UniqueFd file = memory_file();
  Child child = spawn({.argv = {"cat"},
                       .in = Stdio::pipe(),
                       .out = Stdio::pipe(),
                       .descriptors = {{7, file.get()}}});
  // Once it copies, it has closed what it opened to start: libraries, its locale.
  const char byte = 'x';
  ASSERT_EQ(::write(child.in.get(), &byte, 1), 1);
  ASSERT_TRUE(becomes_readable(child.out.get()));
  const auto all = audit_descriptors(child.pid);
  EXPECT_EQ(all.size(), 4u);
  EXPECT_EQ(info_of(all, 0).kind, "pipe");
  EXPECT_EQ(info_of(all, 7).target, "/memfd:audited (deleted)");
  EXPECT_FALSE(info_of(all, 7).close_exec);
  child.in.reset();
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Audit, of_a_process_that_is_not_there_is_an_error) {
  Child child = spawn({.argv = {"true"}});
  const int pid = child.pid;
  EXPECT_EQ(wait_child(child), 0);
  try {
    (void)audit_descriptors(pid);
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_process);
  }
}

std::error_code error_of_audit(int pid) {
  try {
    (void)audit_descriptors(pid);
    return {};
  } catch (const std::system_error& error) {
    return error.code();
  }
}

TEST(Audit, of_a_process_that_has_ended_is_an_error_of_its_own) {
  Child child = spawn({.argv = {"true"}});
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(error_of_audit(child.pid), Errc::process_ended);
  EXPECT_EQ(wait_child(child), 0);
  EXPECT_EQ(error_of_audit(child.pid), std::errc::no_such_process);
}

/// A thread of the kernel, or 0 where none is to be seen.
int kernel_thread() {
  for (int pid = 2; pid < 300; ++pid) {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    if (line.find("(kthreadd) S 0 ") != line.npos) return pid;
  }
  return 0;
}

TEST(Audit, of_a_kernel_thread_is_an_error_of_its_own) {
  const int pid = kernel_thread();
  if (pid == 0) GTEST_SKIP() << "no kernel threads are to be seen here";
  EXPECT_EQ(error_of_audit(pid), Errc::kernel_thread);
}

// Its other threads have the descriptors still.
TEST(Audit, finds_the_descriptors_of_a_process_whose_main_thread_has_ended) {
  FdPair pipe = make_pipe();
  const UniqueFd file = memory_file();
  const pid_t pid = ::fork();
  if (pid == 0) {
    pipe.second.reset();
    std::thread([&] {
      (void)becomes_readable(pipe.first.get());
      const std::string own = info_of(audit_descriptors(), file.get()).target;
      ::_exit(own == "/memfd:audited (deleted)" ? 0 : 1);
    }).detach();
    ::syscall(SYS_exit, 0);
  }
  EXPECT_TRUE(wait_until([pid] {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    return line.find(") Z ") != line.npos;
  }));
  EXPECT_EQ(info_of(audit_descriptors(pid), file.get()).target,
            "/memfd:audited (deleted)");
  pipe.second.reset();
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

// The kernel tells of no path that does not fit into a page.
TEST(Audit, lists_a_file_whose_path_is_too_long_to_be_told) {
  EXPECT_TRUE(passes_in_child([] {
    const std::string top =
        testing::TempDir() + "audit_deep_" + std::to_string(::getpid());
    ASSERT_EQ(::mkdir(top.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(top.c_str()), 0);
    const std::string name(250, 'd');
    for (int depth = 0; depth < 20; ++depth) {
      ASSERT_EQ(::mkdir(name.c_str(), 0700), 0);
      ASSERT_EQ(::chdir(name.c_str()), 0);
    }
    const LeakScope scope;
    UniqueFd deep(::open("file", O_RDWR | O_CREAT, 0600));
    ASSERT_TRUE(deep);
    for (const int pid : {::getpid(), ::getppid()}) {
      EXPECT_FALSE(audit_descriptors(pid).empty());
    }
    const DescriptorInfo info = info_of(audit_descriptors(), deep.get());
    EXPECT_EQ(info.kind, "file");
    EXPECT_EQ(info.target, "(path too long)");
    EXPECT_EQ(to_string(scope.leaks()),
              std::to_string(deep.get()) + " file (path too long)\n");
    Child child =
        spawn({.argv = {"cat"}, .in = Stdio::pipe(), .descriptors = {{7, deep.get()}}});
    EXPECT_EQ(info_of(audit_descriptors(child.pid), 7).target, "(path too long)");
    child.in.reset();
    EXPECT_EQ(wait_child(child), 0);
    ::unlink("file");
    for (int depth = 0; depth < 20; ++depth) {
      EXPECT_EQ(::chdir(".."), 0);
      EXPECT_EQ(::rmdir(name.c_str()), 0);
    }
    ::rmdir(top.c_str());
  }));
}

TEST(Audit, names_no_maker_of_a_number_that_was_closed_otherwise_and_used_again) {
  EXPECT_TRUE(passes_in_child([] {
    Child child = spawn({.argv = {"cat"}, .in = Stdio::pipe()});
    reserve_descriptors_for_spawn();
    const auto made = [] {
      const auto all = audit_descriptors();
      return std::count_if(all.begin(), all.end(),
                           [](const auto& d) { return !d.owner.empty(); });
    };
    EXPECT_GE(made(), 5);
    for (int number = 3; number < 100; ++number) ::close(number);
    for (int number = 3; number < 100; ++number) {
      const UniqueFd file = memory_file();
      ::dup2(file.get(), number);
      if (file.get() == number) (void)::fcntl(number, F_DUPFD, 0);
    }
    EXPECT_EQ(made(), 0);
    EXPECT_EQ(wait_child(child), 0);
  }));
}

TEST(Audit, without_proc_is_another_error) {
  if (!can_enter_mount_namespace()) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(hide_proc());
    try {
      (void)audit_descriptors();
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    }
  }));
}

TEST(LeakScope, tells_what_took_the_number_of_an_older_leak) {
  UniqueFd fd(::open("/dev/null", O_RDONLY));
  const LeakScope scope;
  const int number = fd.get();
  fd.reset();
  fd = UniqueFd(::open("/", O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(fd.get(), number);
  EXPECT_EQ(to_string(scope.leaks()), std::to_string(number) + " directory /\n");
}

TEST(LeakScope, tells_what_a_block_left_open_and_unmarked) {
  const UniqueFd before(::open("/dev/null", O_RDONLY));
  const LeakScope scope;
  const UniqueFd marked = memory_file();
  EXPECT_EQ(to_string(scope.leaks()), "");
  const UniqueFd unmarked(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(to_string(scope.leaks()),
            std::to_string(unmarked.get()) + " char /dev/null\n");
}

TEST(LeakScope, tells_what_a_block_unmarked) {
  const UniqueFd file = memory_file();
  const LeakScope scope;
  set_close_exec(file.get(), false);
  EXPECT_EQ(scope.leaks().size(), 1u);
  set_close_exec(file.get());
  EXPECT_EQ(scope.leaks().size(), 0u);
}

}  // namespace
}  // namespace tornado::test
