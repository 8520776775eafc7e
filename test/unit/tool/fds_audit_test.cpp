// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "support/deny.h"
#include "support/mounts.h"
#include "support/wait.h"
#include "tool/tool.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

// A process that has what `open` opened, and waits.
class Subject {
 public:
  explicit Subject(const std::function<void()>& open) {
    FdPair ready = make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      // Nothing of this test's own is to be seen.
      ready.first.reset();
      for (int fd = 3; fd < 256; ++fd) {
        if (fd != ready.second.get()) ::close(fd);
      }
      open();
      (void)::write(ready.second.get(), "x", 1);
      ready.second.reset();
      for (;;) ::pause();
    }
    ready.second.reset();
    EXPECT_EQ(read_to_end(ready.first.get()), "x");
  }
  ~Subject() { end(); }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }
  void end() {
    if (ended_) return;
    ended_ = true;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
};

void open_leaky() {
  ::dup3(::open("/etc/passwd", O_RDONLY | O_CLOEXEC), 70, 0);
  ::lseek(70, 5, SEEK_SET);
  ::dup3(::open("/dev/null", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_APPEND), 71,
         O_CLOEXEC);
  ::dup3(::eventfd(0, EFD_CLOEXEC), 72, 0);
}

void open_marked() {
  ::open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

using Descriptors = std::map<int, nlohmann::json>;

Descriptors descriptors_of(const Finish& finish) {
  Descriptors found;
  const auto object = nlohmann::json::parse(finish.out, nullptr, false);
  EXPECT_FALSE(object.is_discarded()) << finish.out << finish.err;
  EXPECT_EQ(object.at("schema"), 1);
  for (const auto& one : object.at("processes").at(0).at("descriptors")) {
    found[one.at("fd").get<int>()] = one;
  }
  return found;
}

TEST(FdsOfProcess, tells_number_kind_flags_offset_name_and_verdict) {
  const Subject subject(open_leaky);
  const Finish finish = run_tornado({{"fds", "--json", subject.pid()}});
  EXPECT_EQ(finish.status, 1);
  const auto found = descriptors_of(finish);
  ASSERT_TRUE(found.contains(70) && found.contains(71) && found.contains(72));
  EXPECT_EQ(found.at(70).at("name"), "/etc/passwd");
  EXPECT_EQ(found.at(70).at("kind"), "file");
  EXPECT_EQ(found.at(70).at("flags"), "r");
  EXPECT_EQ(found.at(70).at("offset_bytes"), 5);
  EXPECT_EQ(found.at(70).at("verdict"), "leaks");
  EXPECT_EQ(found.at(71).at("flags"), "rw,append,nonblock");
  EXPECT_EQ(found.at(71).at("close_on_exec"), true);
  EXPECT_EQ(found.at(71).at("verdict"), "closed_at_exec");
  EXPECT_EQ(found.at(72).at("kind"), "eventfd");
  EXPECT_EQ(found.at(72).at("verdict"), "leaks");
  EXPECT_EQ(found.at(0).at("verdict"), "standard_stream");
}

TEST(FdsOfProcess, shows_only_leaks_if_asked) {
  const Subject subject(open_leaky);
  const auto found =
      descriptors_of(run_tornado({{"fds", "--json", "--leaks", subject.pid()}}));
  EXPECT_EQ(found.size(), 2u);
  EXPECT_TRUE(found.contains(70) && found.contains(72));
}

TEST(FdsOfProcess, is_a_table_for_people) {
  const Subject subject(open_leaky);
  const Finish finish = run_tornado({{"fds", subject.pid()}});
  EXPECT_EQ(finish.status, 1);
  EXPECT_TRUE(contains(finish.out, "FD  KIND")) << finish.out;
  EXPECT_TRUE(contains(finish.out, "closed at exec")) << finish.out;
  EXPECT_TRUE(contains(finish.out, "/etc/passwd\n")) << finish.out;
  EXPECT_FALSE(contains(finish.out, "\x1b")) << finish.out;
  EXPECT_TRUE(contains(lines_of(finish.out).back(), "2 of its 9")) << finish.out;
}

TEST(FdsOfProcess, has_the_same_words_with_colour) {
  const Subject subject(open_leaky);
  const Finish finish = run_tornado({{"fds", "--color=always", subject.pid()}});
  EXPECT_TRUE(contains(finish.out, "\x1b[1;31mleaks\x1b[0m")) << finish.out;
}

TEST(FdsOfProcess, is_clean_if_all_is_marked) {
  const Subject subject(open_marked);
  const Finish finish = run_tornado({{"fds", subject.pid()}});
  EXPECT_EQ(finish.status, 0);
  EXPECT_TRUE(contains(finish.out, "clean: ")) << finish.out;
}

TEST(FdsOfProcess, exits_with_zero_despite_leaks_if_asked) {
  const Subject subject(open_leaky);
  EXPECT_EQ(run_tornado({{"fds", "--fail-on=none", subject.pid()}}).status, 0);
}

TEST(FdsOfProcess, names_a_process_that_is_gone_and_shows_the_others) {
  Subject gone(open_marked);
  gone.end();
  const Subject subject(open_leaky);
  const Finish finish = run_tornado({{"fds", gone.pid(), subject.pid()}});
  EXPECT_EQ(finish.status, 2);
  EXPECT_TRUE(contains(finish.err, gone.pid())) << finish.err;
  EXPECT_EQ(lines_of(finish.err).size(), 1u) << finish.err;
  EXPECT_TRUE(contains(finish.out, "/etc/passwd")) << finish.out;
}

TEST(FdsOfProcess, says_that_it_must_not_look) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  Start start = {{"fds", "1"}};
  start.before_exec = [] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(125);
  };
  const Finish finish = run_tornado(start);
  if (finish.status == 127) GTEST_SKIP() << "nobody must not execute the command here";
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "ermission denied") ||
              contains(finish.err, "not permitted"))
      << finish.err;
  EXPECT_TRUE(contains(finish.err, "1")) << finish.err;
}

TEST(FdsOfProcess, is_of_the_caller_without_a_process_id) {
  const Finish finish = run_tornado({{"fds", "--json"}});
  const auto object = nlohmann::json::parse(finish.out);
  EXPECT_EQ(object.at("processes").at(0).at("pid"), ::getpid());
}

TEST(FdsOfProcess, escapes_names_that_are_no_text) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-\xff\x1b[31m-" + std::to_string(::getpid()));
  const Subject subject([&path] {
    ::dup3(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 70, 0);
  });
  const Finish text = run_tornado({{"fds", subject.pid()}});
  const auto found = descriptors_of(run_tornado({{"fds", "--json", subject.pid()}}));
  std::filesystem::remove(path);
  EXPECT_TRUE(contains(text.out, "tornado-\\xff\\x1b[31m-")) << text.out;
  EXPECT_FALSE(contains(text.out, "\x1b")) << text.out;
  ASSERT_TRUE(found.contains(70));
  EXPECT_TRUE(contains(found.at(70).at("name").get<std::string>(), "\\xff"));
  EXPECT_TRUE(found.at(70).contains("name_bytes"));
}

std::string output_of(const std::string& line) {
  std::FILE* pipe = ::popen(line.c_str(), "re");
  const std::string text = read_to_end(::fileno(pipe));
  ::pclose(pipe);
  return text;
}

TEST(FdsOfProcess, agrees_with_lsfd) {
  if (output_of("command -v lsfd").empty()) GTEST_SKIP() << "no lsfd here";
  const Subject subject(open_leaky);
  const auto found = descriptors_of(run_tornado({{"fds", "--json", subject.pid()}}));
  const auto listed = nlohmann::json::parse(
      output_of("lsfd -J -p " + subject.pid() + " -o ASSOC,FLAGS,POS"));
  std::size_t compared = 0;
  for (const auto& row : listed.at("lsfd")) {
    const std::string number = row.at("assoc");
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto& ours = found.at(std::stoi(number));
    const std::string flags = row.at("flags").is_null() ? "" : row.at("flags");
    EXPECT_EQ(contains(flags, "cloexec"), ours.at("close_on_exec").get<bool>());
    EXPECT_EQ(contains(flags, "nonblock"),
              contains(ours.at("flags").get<std::string>(), "nonblock"));
    ++compared;
  }
  EXPECT_EQ(compared, found.size());
}

int bound_socket(int type, int number) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  return ::dup3(fd, number, 0);
}

TEST(FdsOfProcess, tells_protocol_addresses_and_state_of_sockets) {
  const Subject subject([] {
    ::listen(bound_socket(SOCK_STREAM, 70), 1);
    bound_socket(SOCK_DGRAM, 71);
    sockaddr_in address = {};
    socklen_t size = sizeof address;
    ::getsockname(70, reinterpret_cast<sockaddr*>(&address), &size);
    const int client = ::dup3(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 72, 0);
    ::connect(client, reinterpret_cast<sockaddr*>(&address), size);
    std::array<int, 2> ends = {};
    ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data());
    ::dup3(ends[0], 73, 0);
  });
  const auto found = descriptors_of(run_tornado({{"fds", "--json", subject.pid()}}));
  const auto detail = [&](int fd) {
    const auto& value = found.at(fd).at("detail");
    return value.is_null() ? std::string() : value.get<std::string>();
  };
  EXPECT_TRUE(detail(70).starts_with("tcp 127.0.0.1:")) << detail(70);
  EXPECT_TRUE(detail(70).ends_with(" listening")) << detail(70);
  EXPECT_TRUE(detail(71).starts_with("udp 127.0.0.1:")) << detail(71);
  EXPECT_TRUE(detail(72).starts_with("tcp 127.0.0.1:")) << detail(72);
  EXPECT_TRUE(contains(detail(72), " -> 127.0.0.1:")) << detail(72);
  EXPECT_TRUE(detail(72).ends_with(" established")) << detail(72);
  EXPECT_EQ(detail(73), "unix seqpacket connected");
  const Finish table = run_tornado({{"fds", subject.pid()}});
  EXPECT_TRUE(contains(table.out, detail(70))) << table.out;
}

TEST(FdsOfProcess, tells_the_targets_of_pidfds_eventfds_and_epolls) {
  const Subject subject([] {
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, ::getppid(), 0));
    if (pidfd >= 0) ::dup3(pidfd, 70, 0);
    ::dup3(::eventfd(5, EFD_CLOEXEC), 71, 0);
    ::dup3(::epoll_create1(EPOLL_CLOEXEC), 72, 0);
    epoll_event event = {};
    ::epoll_ctl(72, EPOLL_CTL_ADD, 71, &event);
  });
  const auto found = descriptors_of(run_tornado({{"fds", "--json", subject.pid()}}));
  if (has_call(SYS_pidfd_open)) {
    EXPECT_EQ(found.at(70).at("detail"),
              "process " + std::to_string(::getpid()) + " (fds_test)");
  }
  EXPECT_TRUE(found.at(71).at("detail").get<std::string>().ends_with("count 5"));
  EXPECT_EQ(found.at(72).at("detail"), "watches 71");
}

TEST(FdsOfProcess, is_found_by_the_name_of_its_program) {
  const std::string name = "tnd" + std::to_string(::getpid());
  const Subject subject([&name] {
    open_leaky();
    ::prctl(PR_SET_NAME, name.c_str());
  });
  const Finish finish = run_tornado({{"fds", "--leaks", "--json", name}});
  EXPECT_EQ(finish.status, 1) << finish.err;
  const auto object = nlohmann::json::parse(finish.out);
  ASSERT_EQ(object.at("processes").size(), 1u);
  EXPECT_EQ(std::to_string(object.at("processes").at(0).at("pid").get<int>()),
            subject.pid());
  EXPECT_EQ(object.at("processes").at(0).at("program"), name);
  const Finish missing = run_tornado({{"fds", "no-such-name"}});
  EXPECT_EQ(missing.status, 2);
  EXPECT_TRUE(contains(missing.err, "no-such-name: no process has this name"));
}

TEST(FdsOfProcess, does_not_leak_what_its_user_allows) {
  const Subject subject(open_leaky);
  const auto status = [&](const char* list) {
    return run_tornado({{"fds", "--allow", list, subject.pid()}}).status;
  };
  EXPECT_EQ(status("70,72"), 0);
  EXPECT_EQ(status("60-72"), 0);
  EXPECT_EQ(status("/etc/*,eventfd"), 0);
  EXPECT_EQ(status("/etc/passwd"), 1);
  EXPECT_EQ(status("70"), 1);
  EXPECT_EQ(status("70,,72"), 2);
  EXPECT_EQ(status("9-3"), 2);
  const auto found =
      descriptors_of(run_tornado({{"fds", "--json", "--allow=70", subject.pid()}}));
  EXPECT_EQ(found.at(70).at("verdict"), "allowed");
  EXPECT_EQ(found.at(72).at("verdict"), "leaks");
}

TEST(FdsOfProcess, is_not_clean_when_it_is_a_zombie) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  siginfo_t info = {};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  const Finish finish = run_tornado({{"fds", std::to_string(pid)}});
  ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "is a zombie: it has ended, and process " +
                                       std::to_string(::getpid())))
      << finish.err;
}

TEST(FdsOfProcess, is_seen_through_a_thread_when_its_first_one_has_ended) {
  const Subject subject([] {
    open_leaky();
    pthread_t thread;
    ::pthread_create(
        &thread, nullptr,
        [](void* first) -> void* {
          ::pthread_join(*static_cast<pthread_t*>(first), nullptr);
          // The other side waits for this.
          for (int fd = 3; fd < 70; ++fd) {
            if (::write(fd, "x", 1) == 1) ::close(fd);
          }
          for (;;) ::pause();
        },
        new pthread_t(::pthread_self()));
    ::syscall(SYS_exit, 0);  // of this thread alone
  });
  const auto found = descriptors_of(run_tornado({{"fds", "--json", subject.pid()}}));
  EXPECT_TRUE(found.contains(70) && found.contains(72));
}

TEST(FdsOfProcess, is_not_clean_when_it_is_a_kernel_thread) {
  std::ifstream file("/proc/2/comm");
  std::string name;
  if (!(file >> name) || name != "kthreadd") GTEST_SKIP() << "no kernel threads to see";
  const Finish finish = run_tornado({{"fds", "2"}});
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "process 2 (kthreadd) is a kernel thread"));
}

TEST(FdsOfProcess, cannot_be_seen_without_proc) {
  if (!programs_can_do_without_proc()) GTEST_SKIP() << "programs need /proc here";
  for (const auto& words :
       {std::vector<std::string>{"fds", "1"}, {"fds"}, {"fds", "--", "true"}}) {
    const Finish finish = run_tornado({words, {}, [] {
                                         if (!hide_proc()) ::_exit(99);
                                       }});
    EXPECT_EQ(finish.status, 2);
    EXPECT_EQ(finish.err, "tornado: fds needs /proc, which is not mounted\n");
  }
}

TEST(FdsOfProcess, is_a_table_of_whole_characters_at_every_width) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-\u00e9\u20ac\u4e16\u754c-\u00e9\u20ac\u4e16\u754c-" +
                     std::to_string(::getpid()));
  const Subject subject([&path] {
    ::dup3(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 70, 0);
  });
  bool cut = false;
  for (unsigned columns = 40; columns <= 130; ++columns) {
    const Finish finish =
        run_tornado({{"fds", subject.pid()}, {{"LC_ALL", "C.UTF-8"}}, [] {}, columns});
    for (const auto& line : lines_of(finish.out)) {
      EXPECT_TRUE(is_utf8(line)) << columns << ": " << line;
    }
    cut = cut || contains(finish.out, "\u20ac...");
  }
  EXPECT_TRUE(cut) << "no width cuts the name";
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tornado::test
