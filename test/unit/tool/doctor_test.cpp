// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "support/deny.h"
#include "support/pollers.h"
#include "tool/tool.h"
#include "tornado/poller_kind.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

using nlohmann::json;

const json& named(const json& list, std::string_view name) {
  for (const auto& one : list) {
    if (one.at("name") == name) return one;
  }
  throw std::runtime_error("no " + std::string(name));
}

TEST(TornadoDoctor, finds_every_poller_and_waker_working) {
  const Finish finish = run_tornado({{"doctor", "--json"}});
  ASSERT_EQ(finish.status, 0) << finish.err;
  EXPECT_EQ(finish.err, "");
  const json object = json::parse(finish.out);
  EXPECT_EQ(object.at("schema"), 1);
  EXPECT_EQ(object.at("works"), true);
  ASSERT_EQ(object.at("pollers").size(), poller_kinds().size());
  for (const auto kind : poller_kinds()) {
    const json& one = named(object.at("pollers"), to_string(kind));
    EXPECT_EQ(one.at("works"), works_here(kind)) << one;
    if (works_here(kind)) {
      EXPECT_GT(one.at("wake_ns"), 0);
    }
    EXPECT_EQ(one.at("default"), kind == poller_kinds().front());
  }
  for (const auto kind : waker_kinds()) {
    const json& one = named(object.at("wakers"), to_string(kind));
    EXPECT_EQ(one.at("works"), true) << one;
    EXPECT_EQ(one.at("default"), kind == waker_kinds().front());
  }
}

TEST(TornadoDoctor, tells_the_limits_of_its_process) {
  const auto lower = [] {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 77;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  };
  const json object = json::parse(run_tornado({{"doctor", "--json"}, {}, lower}).out);
  EXPECT_EQ(object.at("limits").at("open_files_soft"), 77);
  EXPECT_EQ(object.at("limits").at("fd_setsize"), FD_SETSIZE);
  EXPECT_GE(object.at("limits").at("pipe_capacity_bytes"), 4096);
  EXPECT_GE(object.at("system").at("processors"), 1);
}

TEST(TornadoDoctor, takes_the_variables_for_the_default) {
  const json object = json::parse(
      run_tornado({{"doctor", "--json"},
                   {{"TORNADO_POLLER", "select"}, {"TORNADO_WAKER", "pipe"}}})
          .out);
  EXPECT_EQ(object.at("default").at("poller").at("name"), "select");
  EXPECT_EQ(object.at("default").at("poller").at("reason"), "TORNADO_POLLER=select");
  EXPECT_EQ(object.at("default").at("waker").at("name"), "pipe");
}

TEST(TornadoDoctor, answers_no_to_a_variable_that_names_nothing) {
  const Start start{{"doctor"}, {{"TORNADO_WAKER", "evntfd"}}};
  const Finish finish = run_tornado(start);
  EXPECT_EQ(finish.status, 1);
  EXPECT_TRUE(contains(finish.out, "BROKEN")) << finish.out;
  EXPECT_TRUE(contains(finish.out, "did you mean eventfd?")) << finish.out;

  Start as_json = start;
  as_json.arguments.push_back("--json");
  const Finish again = run_tornado(as_json);
  EXPECT_EQ(again.status, 1);
  const json object = json::parse(again.out);
  EXPECT_EQ(object.at("works"), false);
  EXPECT_TRUE(object.at("default").at("waker").at("name").is_null());
  // The other half of the default is not to blame.
  EXPECT_EQ(object.at("default").at("poller").at("name"),
            to_string(poller_kinds().front()));
}

bool can_wipe_on_fork() {
  constexpr std::size_t size = 4096;
  void* const page =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool can = ::madvise(page, size, MADV_WIPEONFORK) == 0;
  ::munmap(page, size);
  return can;
}

TEST(TornadoDoctor, names_what_the_kernel_lacks) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  const auto lacking = [] {
    if (!deny({{SYS_eventfd2, ENOSYS}, {SYS_pidfd_open, EPERM}})) ::_exit(99);
  };
  const Finish finish = run_tornado({{"doctor", "--json"}, {}, lacking});
  EXPECT_EQ(finish.status, 0) << "the next waker is taken";
  const json object = json::parse(finish.out);
  const json& eventfd = named(object.at("wakers"), "eventfd");
  EXPECT_EQ(eventfd.at("works"), false);
  EXPECT_TRUE(
      contains(eventfd.at("error").get<std::string>(), "Function not implemented"))
      << eventfd;
  EXPECT_EQ(object.at("default").at("waker").at("name"), "pipe");
  const json& pidfd = named(object.at("kernel"), "pidfd_open");
  EXPECT_EQ(pidfd.at("works"), false);
  EXPECT_EQ(pidfd.at("error"), "Operation not permitted");
  EXPECT_EQ(named(object.at("kernel"), "MADV_WIPEONFORK").at("works"),
            can_wipe_on_fork());

  const Finish table = run_tornado({{"doctor"}, {}, lacking});
  EXPECT_TRUE(contains(table.out, "missing: Operation not permitted")) << table.out;
}

TEST(TornadoDoctor, says_at_once_that_no_thread_can_be_made) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  // clone3 goes first; with ENOSYS the C library takes clone.
  const auto without_threads = [] {
    const auto flags = static_cast<std::uint32_t>(
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
        CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID);
    if (!deny({{SYS_clone3, ENOSYS}, {SYS_clone, EPERM, {{0, flags}}}})) ::_exit(99);
  };
  const Finish finish = run_tornado({{"doctor", "--json"}, {}, without_threads});
  EXPECT_EQ(finish.status, 1);
  const json object = json::parse(finish.out);
  EXPECT_EQ(object.at("error"),
            "not tried: no thread can be made: Operation not permitted");
  for (const auto kind : working_poller_kinds()) {
    EXPECT_EQ(named(object.at("pollers"), to_string(kind)).at("error"),
              object.at("error"));
  }
  const Finish table = run_tornado({{"doctor"}, {}, without_threads});
  EXPECT_FALSE(contains(table.out, "was not seen")) << table.out;
}

TEST(TornadoDoctor, has_enough_with_sixteen_descriptors) {
  const auto lower = [] {
    rlimit limit = {16, 16};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  };
  const Finish finish = run_tornado({{"doctor"}, {}, lower});
  EXPECT_EQ(finish.status, 0) << finish.out;
  EXPECT_FALSE(contains(finish.out, "missing: Too many open files")) << finish.out;
}

TEST(TornadoDoctor, uses_colour_only_where_it_is_wanted) {
  const auto coloured = [](std::map<std::string, std::string> environment,
                           unsigned columns, std::vector<std::string> more = {}) {
    Start start{{"doctor"}, std::move(environment), [] {}, columns};
    start.arguments.insert(start.arguments.end(), more.begin(), more.end());
    const Finish finish = run_tornado(start);
    EXPECT_EQ(finish.status, 0);
    EXPECT_TRUE(contains(finish.out, "ok"));
    return contains(finish.out, "\x1b[");
  };
  EXPECT_TRUE(coloured({{"TERM", "xterm"}}, 80));
  EXPECT_FALSE(coloured({{"TERM", "xterm"}}, 0)) << "a pipe";
  EXPECT_FALSE(coloured({{"TERM", "dumb"}}, 80));
  EXPECT_FALSE(coloured({{"TERM", "xterm"}, {"NO_COLOR", "1"}}, 80));
  EXPECT_TRUE(coloured({{"NO_COLOR", "1"}}, 0, {"--color", "always"}));
  EXPECT_FALSE(coloured({{"TERM", "xterm"}}, 80, {"--color=never"}));
}

TEST(TornadoDoctor, fits_its_terminal) {
  for (const unsigned columns : {60u, 80u, 120u}) {
    const Finish finish =
        run_tornado({{"doctor"}, {{"TORNADO_POLLER", "nonsense"}}, [] {}, columns});
    for (const auto& line : lines_of(finish.out)) {
      if (line.starts_with("tornado ")) continue;  // the machine's own name
      EXPECT_LE(line.size(), columns) << line;
    }
  }
}

}  // namespace
}  // namespace tornado::test
