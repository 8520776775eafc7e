// SPDX-License-Identifier: Apache-2.0
// fds_child ACT...
// Opens descriptors in one way and executes programs in another, so that the command
// `tornado fds` has something to find. Compiled without optimization.
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

extern "C" char** environ;

namespace {

// A step that fails would make the test pass for the wrong reason.
int need(int result) {
  if (result >= 0) return result;
  std::perror("fds_child");
  std::_Exit(99);
}

void wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (status != 0) std::_Exit(98);
}

void fork_and_execute(const char* program = "/bin/true") {
  const pid_t pid = need(::fork());
  if (pid == 0) {
    ::execl(program, program, nullptr);
    ::_exit(97);
  }
  wait_for(pid);
}

// As those do who mean to hand a descriptor over.
void fork_prepare_and_execute() {
  const int fd = need(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  const pid_t pid = need(::fork());
  if (pid == 0) {
    ::dup2(fd, 40);
    ::fcntl(fd, F_SETFD, 0);
    ::execl("/bin/true", "/bin/true", nullptr);
    ::_exit(97);
  }
  wait_for(pid);
}

void vfork_and_execute() {
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): the test is about vfork.
  const pid_t pid = need(::vfork());
  if (pid == 0) {
    ::execl("/bin/true", "/bin/true", nullptr);
    ::_exit(97);
  }
  wait_for(pid);
}

void spawn_and_execute() {
  std::string name = "/bin/true";
  std::array<char*, 2> words = {name.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, name.c_str(), nullptr, nullptr, words.data(), environ) != 0) {
    std::_Exit(96);
  }
  wait_for(pid);
}

void open_each_kind(bool marked) {
  const int flag = marked ? O_CLOEXEC : 0;
  std::array<int, 2> ends = {};
  need(::open("/dev/null", O_RDONLY | flag));
  need(::socket(AF_UNIX, SOCK_STREAM | flag, 0));
  need(::socketpair(AF_UNIX, SOCK_STREAM | flag, 0, ends.data()));
  need(::pipe2(ends.data(), flag));
  need(::eventfd(0, flag));
  need(::epoll_create1(flag));
  need(::timerfd_create(CLOCK_MONOTONIC, flag));
  need(::inotify_init1(flag));
  need(::memfd_create("kept", marked ? MFD_CLOEXEC : 0));
  sigset_t none;
  ::sigemptyset(&none);
  need(::signalfd(-1, &none, flag));
  need(::fcntl(0, marked ? F_DUPFD_CLOEXEC : F_DUPFD, 3));
  need(::dup3(0, 60, flag));
}

void accept_one() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // In the abstract name space, where the kernel chooses.
  const auto size = static_cast<socklen_t>(sizeof(sa_family_t));
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const int listener = need(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  need(::bind(listener, any, size));
  need(::listen(listener, 1));
  socklen_t room = sizeof address;
  need(::getsockname(listener, any, &room));
  const int client = need(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  need(::connect(client, any, room));
  need(::accept(listener, nullptr, nullptr));
}

void receive_one() {
  std::array<int, 2> ends = {};
  need(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  const int sent = need(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  char byte = 'x';
  iovec data = {&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof sent);
  std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
  need(static_cast<int>(::sendmsg(ends[0], &message, 0)));
  need(static_cast<int>(::recvmsg(ends[1], &message, 0)));
}

// Descriptors come and go while others execute.
void storm() {
  std::atomic<bool> over{false};
  std::vector<std::thread> openers;
  for (int i = 0; i < 3; ++i) {
    openers.emplace_back([&over] {
      while (!over) ::close(need(::open("/dev/null", O_RDONLY)));
    });
  }
  for (int i = 0; i < 50; ++i) fork_and_execute();
  over = true;
  for (auto& opener : openers) opener.join();
}

void many(int processes) {
  need(::open("/dev/null", O_RDONLY));
  std::vector<pid_t> pids;
  for (int i = 0; i < processes; ++i) {
    const pid_t pid = need(::fork());
    if (pid == 0) {
      ::execl("/bin/true", "/bin/true", nullptr);
      ::_exit(97);
    }
    pids.push_back(pid);
  }
  for (const pid_t pid : pids) wait_for(pid);
}

// The parent ends first, and the child acts once somebody has taken note of that.
void orphan(const std::function<void()>& act) {
  const pid_t parent = ::getpid();
  if (need(::fork()) != 0) std::_Exit(3);
  while (::kill(parent, 0) == 0) ::usleep(1000);
  act();
}

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

void wait_for_interrupt() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  say("ready");
  int signal = 0;
  ::sigwait(&set, &signal);
  std::_Exit(5);
}

// Its parent wakes it as soon as it is seen to have stopped.
void stop_and_go_on() {
  const pid_t pid = need(::fork());
  if (pid == 0) {
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  need(::waitpid(pid, &status, WUNTRACED));
  if (!WIFSTOPPED(status)) std::_Exit(95);
  ::kill(pid, SIGCONT);
  wait_for(pid);
}

void print_signals() {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    for (const char* word : {"SigBlk", "SigIgn", "SigCgt"}) {
      if (std::strncmp(line.data(), word, 6) == 0) std::fputs(line.data(), stdout);
    }
  }
  std::fclose(file);
}

}  // namespace

// With a name that the dynamic linker knows as well.
extern "C" __attribute__((visibility("default"), noinline)) int open_unmarked() {
  return need(::open("/etc/passwd", O_RDONLY));
}

namespace {

using Acts = std::map<std::string, std::function<void(const char*)>>;

void add_openings(Acts& acts) {
  acts["open"] = [](auto) { open_unmarked(); };
  acts["open-in-thread"] = [](auto) { std::thread(open_unmarked).join(); };
  acts["fopen"] = [](auto) { (void)std::fopen("/etc/passwd", "r"); };
  acts["each-unmarked"] = [](auto) { open_each_kind(false); };
  acts["each-marked"] = [](auto) { open_each_kind(true); };
  acts["accept"] = [](auto) { accept_one(); };
  acts["receive"] = [](auto) { receive_one(); };
  acts["unmark"] = [](auto) {
    const int fd = need(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    need(::fcntl(fd, F_SETFD, 0));
  };
  acts["unmark-by-ioctl"] = [](auto) {
    const int fd = need(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    need(::ioctl(fd, FIONCLEX));
  };
  acts["mark-later"] = [](auto) {
    need(::fcntl(open_unmarked(), F_SETFD, FD_CLOEXEC));
  };
  acts["duplicate"] = [](auto) {
    const int fd = need(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    need(::dup2(need(::fcntl(fd, F_DUPFD_CLOEXEC, 40)), 50));
  };
  acts["close"] = [](auto) { ::close(open_unmarked()); };
  acts["close-range"] = [](auto) {
    open_unmarked();
    open_unmarked();
    need(static_cast<int>(::syscall(SYS_close_range, 3u, ~0u, 0u)));
  };
  acts["mark-range"] = [](auto) {
    open_unmarked();
    need(static_cast<int>(::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC)));
  };
  acts["create"] = [](const char* path) {
    need(::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  };
}

void add_executions(Acts& acts) {
  acts["fork"] = [](auto) { fork_and_execute(); };
  acts["hand-over"] = [](auto) { fork_prepare_and_execute(); };
  acts["vfork"] = [](auto) { vfork_and_execute(); };
  acts["spawn"] = [](auto) { spawn_and_execute(); };
  acts["fork-in-thread"] = [](auto) { std::thread([] { fork_and_execute(); }).join(); };
  acts["fail"] = [](auto) {
    if (::execl("/no/such/program", "program", nullptr) == -1) open_unmarked();
  };
  acts["exec-in-thread"] = [](auto) {
    // Another one is there as well, which the exec ends.
    std::thread([] { ::pause(); }).detach();
    std::thread([] { ::execl("/bin/true", "/bin/true", nullptr); }).join();
  };
  acts["many"] = [](const char* n) { many(std::atoi(n)); };
  acts["storm"] = [](auto) { storm(); };
  acts["orphan"] = [](auto) { orphan([] { fork_and_execute(); }); };
  acts["lingering-orphan"] = [](auto) {
    orphan([] {
      say("ready");
      for (;;) ::pause();
    });
  };
}

void add_endings(Acts& acts) {
  acts["exit"] = [](const char* status) { std::_Exit(std::atoi(status)); };
  acts["die"] = [](const char* signal) { ::raise(std::atoi(signal)); };
  acts["wait-for-interrupt"] = [](auto) { wait_for_interrupt(); };
  acts["strict"] = [](auto) {
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) std::_Exit(93);
    ::syscall(SYS_exit, 0);
  };
  acts["stop"] = [](auto) { stop_and_go_on(); };
  acts["print-signals"] = [](auto) { print_signals(); };
  acts["print"] = [](const char* text) { say(text); };
}

}  // namespace

// Words "act" or "act=argument".
int main(int argc, char** argv) {
  Acts acts;
  add_openings(acts);
  add_executions(acts);
  add_endings(acts);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto found = acts.find(word.substr(0, word.find('=')));
    if (found == acts.end()) return 94;
    const auto equals = word.find('=');
    found->second(equals == std::string::npos ? "" : argv[i] + equals + 1);
  }
  return 0;
}
