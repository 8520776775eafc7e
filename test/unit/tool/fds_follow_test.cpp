// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tool/fds_trace.h"

namespace tornado::test {
namespace {

class EachWayToExecute : public testing::TestWithParam<const char*> {};

TEST_P(EachWayToExecute, shows_the_descriptor_and_the_function_that_opened_it) {
  const Trace trace = trace_child({"open", GetParam()});
  EXPECT_EQ(trace.finish.status, 1);
  EXPECT_EQ(trace.programs(), 2u);
  const auto leaks = trace.leaks();
  ASSERT_EQ(leaks.size(), 1u) << trace.report.dump(2);
  EXPECT_EQ(leaks[0].at("name"), "/etc/passwd");
  const auto origin = trace.origin_of(leaks[0]);
  ASSERT_FALSE(origin.is_null());
  EXPECT_EQ(origin.at("program"), fds_child_path());
  EXPECT_EQ(origin.at("fd"), leaks[0].at("fd"));
  EXPECT_TRUE(passes_through(origin, "open_unmarked")) << origin.dump(2);
  EXPECT_TRUE(passes_through(origin, "main")) << origin.dump(2);
}

INSTANTIATE_TEST_SUITE_P(FollowedCommand, EachWayToExecute,
                         testing::Values("fork", "vfork", "spawn", "fork-in-thread",
                                         "exec-in-thread"));

TEST(FollowedCommand, leaks_what_one_thread_opened_into_the_child_of_another) {
  const Trace trace = trace_child({"open-in-thread", "fork-in-thread"});
  ASSERT_EQ(trace.leaks().size(), 1u) << trace.report.dump(2);
  EXPECT_TRUE(passes_through(trace.origin_of(trace.leaks()[0]), "open_unmarked"));
}

TEST(FollowedCommand, is_clean_if_it_marks_what_it_opens) {
  for (const char* act :
       {"each-marked", "mark-later", "close", "close-range", "mark-range"}) {
    const Trace trace = trace_child({act, "fork", "vfork", "exit=7"});
    EXPECT_EQ(trace.finish.status, 7) << act;
    EXPECT_EQ(trace.programs(), 3u) << act;
    EXPECT_TRUE(trace.leaks().empty()) << act << trace.report.dump(2);
  }
}

TEST(FollowedCommand, has_each_call_that_makes_a_descriptor_named) {
  const Trace trace = trace_child({"each-unmarked", "fork"});
  std::multiset<std::string> calls;
  for (const auto& leak : trace.leaks()) {
    const auto origin = trace.origin_of(leak);
    ASSERT_FALSE(origin.is_null()) << leak.dump(2);
    calls.insert(origin.at("call").get<std::string>());
    EXPECT_TRUE(passes_through(origin, "main")) << origin.dump(2);
  }
  const std::multiset<std::string> wanted = {
      "openat",         "socket",        "socketpair",   "socketpair",
      "pipe2",          "pipe2",         "eventfd2",     "epoll_create1",
      "timerfd_create", "inotify_init1", "memfd_create", "signalfd4",
      "fcntl",          "dup3"};
  EXPECT_EQ(calls, wanted);
}

TEST(FollowedCommand, may_get_descriptors_from_sockets) {
  const std::map<std::string, std::string> calls = {{"accept", "accept"},
                                                    {"receive", "recvmsg"}};
  for (const auto& [act, call] : calls) {
    const Trace trace = trace_child({act, "fork"});
    ASSERT_EQ(trace.leaks().size(), 1u) << act << trace.report.dump(2);
    EXPECT_EQ(trace.origin_of(trace.leaks()[0]).at("call"), call);
  }
}

TEST(FollowedCommand, is_told_where_close_on_exec_was_taken_away) {
  const std::map<std::string, std::string> calls = {{"unmark", "fcntl"},
                                                    {"unmark-by-ioctl", "ioctl"}};
  for (const auto& [act, call] : calls) {
    const Trace trace = trace_child({act, "fork"});
    ASSERT_EQ(trace.leaks().size(), 1u) << act << trace.report.dump(2);
    const auto number = trace.leaks()[0].at("unmarked_by");
    ASSERT_FALSE(number.is_null()) << act;
    const auto by = trace.report.at("origins").at(number.get<std::size_t>());
    EXPECT_EQ(by.at("call"), call);
    EXPECT_TRUE(passes_through(by, "main")) << by.dump(2);
  }
}

TEST(FollowedCommand, has_copies_followed_to_what_they_are_copies_of) {
  const Trace trace = trace_child({"duplicate", "fork"});
  ASSERT_EQ(trace.leaks().size(), 1u) << trace.report.dump(2);
  EXPECT_EQ(trace.leaks()[0].at("fd"), 50);
  std::vector<std::string> calls;
  auto origin = trace.origin_of(trace.leaks()[0]);
  for (;;) {
    calls.push_back(origin.at("call"));
    if (origin.at("copied_from").is_null()) break;
    origin = trace.report.at("origins").at(origin.at("copied_from").get<std::size_t>());
  }
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_TRUE(calls[0] == "dup2" || calls[0] == "dup3") << calls[0];
  EXPECT_EQ(calls[1], "fcntl");
  EXPECT_EQ(calls[2], "openat");
}

TEST(FollowedCommand, may_be_a_shell) {
  const Finish finish = run_tornado(
      {{"fds", "--json", "--", "sh", "-c", "exec 5</etc/passwd; /bin/true; exit 4"}});
  EXPECT_EQ(finish.status, 1);
  const Trace trace = {finish, nlohmann::json::parse(finish.err)};
  ASSERT_EQ(trace.leaks().size(), 1u) << finish.err;
  EXPECT_EQ(trace.leaks()[0].at("fd"), 5);
  EXPECT_EQ(trace.report.at("exit_status"), 4);
}

TEST(FollowedCommand, does_not_leak_what_it_hands_over_between_fork_and_exec) {
  const Trace trace = trace_child({"hand-over", "exit=6"});
  EXPECT_EQ(trace.finish.status, 6);
  EXPECT_TRUE(trace.leaks().empty()) << trace.report.dump(2);
  std::size_t given = 0;
  for (const auto& descriptor : trace.report.at("programs").at(1).at("descriptors")) {
    given += descriptor.at("verdict") == "given" ? 1 : 0;
  }
  EXPECT_EQ(given, 2u) << trace.report.dump(2);
}

TEST(FollowedCommand, leaks_what_it_was_given_and_does_not_close) {
  const Finish finish =
      run_tornado({{"fds", "--json", "--", "sh", "-c",
                    "(exec 5</etc/passwd; exec sh -c '/bin/true; :'); :"}});
  const Trace trace = {finish, nlohmann::json::parse(finish.err)};
  EXPECT_EQ(trace.programs(), 3u);
  ASSERT_EQ(trace.leaks().size(), 1u) << finish.err;
  const auto& last = trace.report.at("programs").at(2);
  EXPECT_EQ(last.at("arguments").at(0), "/bin/true");
  EXPECT_EQ(trace.leaks()[0].at("fd"), 5);
}

TEST(FollowedCommand, may_fail_to_execute_a_program_and_go_on) {
  const Trace trace = trace_child({"fail", "fork"});
  EXPECT_EQ(trace.programs(), 2u);
  EXPECT_EQ(trace.leaks().size(), 1u) << trace.report.dump(2);
}

TEST(FollowedCommand, may_have_two_hundred_children_at_once) {
  const Trace trace = trace_child({"many=200"});
  EXPECT_EQ(trace.finish.status, 1);
  EXPECT_EQ(trace.programs(), 201u);
  EXPECT_EQ(trace.leaks().size(), 200u);
  std::set<int> origins;
  for (const auto& leak : trace.leaks()) origins.insert(leak.at("origin").get<int>());
  EXPECT_EQ(origins.size(), 1u) << "one descriptor, and one that made it";
}

TEST(FollowedCommand, may_open_in_many_threads_while_it_executes) {
  const Trace trace = trace_child({"storm"});
  EXPECT_EQ(trace.programs(), 51u);
  for (const auto& leak : trace.leaks()) {
    EXPECT_FALSE(trace.origin_of(leak).is_null()) << leak.dump(2);
  }
}

TEST(FollowedCommand, may_leave_children_behind_which_are_followed_too) {
  const Trace trace = trace_child({"open", "orphan"});
  EXPECT_EQ(trace.report.at("exit_status"), 3);
  EXPECT_EQ(trace.programs(), 2u);
  EXPECT_EQ(trace.leaks().size(), 1u) << trace.report.dump(2);
}

}  // namespace
}  // namespace tornado::test
