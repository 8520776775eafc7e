// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <sys/syscall.h>

#include <algorithm>

#include "platform/every_waker.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "tornado/error.h"

namespace tornado::test {
namespace {

void expect_refusal(WakerKind kind, std::error_code code, const std::string& message) {
  const std::set<int> before = open_numbers();
  try {
    const Waker waker(kind);
    ADD_FAILURE() << "a waker of kind " << to_string(waker.kind()) << " was made";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), code);
    EXPECT_EQ(std::string(e.what()), message);
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST(WakerChoice, has_a_name_for_each_kind) {
  EXPECT_EQ(to_string(WakerKind::best), "best");
  EXPECT_EQ(to_string(WakerKind::eventfd), "eventfd");
  EXPECT_EQ(to_string(WakerKind::pipe), "pipe");
  EXPECT_EQ(to_string(WakerKind::socketpair), "socketpair");
  EXPECT_EQ(to_string(WakerKind::tcp_pair), "tcp_pair");
  EXPECT_EQ(to_string(static_cast<WakerKind>(77)), "unknown");
}

TEST(WakerChoice, takes_the_first_by_default) {
  EXPECT_TRUE(passes_in_child([] {
    ::unsetenv("TORNADO_WAKER");
    EXPECT_EQ(Waker().kind(), waker_kinds().front());
    ::setenv("TORNADO_WAKER", "", 1);
    EXPECT_EQ(Waker().kind(), waker_kinds().front());
  }));
}

TEST(WakerChoice, takes_what_the_environment_names) {
  for (WakerKind kind : waker_kinds()) {
    EXPECT_TRUE(passes_in_child([kind] {
      ::setenv("TORNADO_WAKER", std::string(to_string(kind)).c_str(), 1);
      EXPECT_EQ(Waker().kind(), kind);
    }));
  }
}

TEST(WakerChoice, takes_what_the_program_names_before_the_environment) {
  EXPECT_TRUE(passes_in_child([] {
    ::setenv("TORNADO_WAKER", "pipe", 1);
    EXPECT_EQ(Waker(WakerKind::socketpair).kind(), WakerKind::socketpair);
    ::setenv("TORNADO_WAKER", "bell", 1);
    EXPECT_EQ(Waker(WakerKind::socketpair).kind(), WakerKind::socketpair);
  }));
}

TEST(WakerChoice, refuses_a_name_in_the_environment_that_it_does_not_know) {
  EXPECT_TRUE(passes_in_child([] {
    ::setenv("TORNADO_WAKER", "bell", 1);
    expect_refusal(WakerKind::best, Errc::no_waker,
                   "TORNADO_WAKER=bell: no such waker here");
  }));
}

TEST(WakerChoice, refuses_a_kind_that_was_not_compiled_in) {
  expect_refusal(static_cast<WakerKind>(77), Errc::no_waker,
                 "kind 77: no such waker here");
}

TEST(WakerChoice, falls_to_the_next_when_one_cannot_be_created) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ::unsetenv("TORNADO_WAKER");
    const auto expect_chosen = [](WakerKind kind) {
      Waker waker;
      EXPECT_EQ(waker.kind(), kind);
      expect_to_work(waker);
    };
    expect_chosen(WakerKind::eventfd);
    ASSERT_TRUE(deny({{SYS_eventfd2, ENOSYS}}));
    const auto kinds = waker_kinds();
    if (std::ranges::find(kinds, WakerKind::kqueue) != kinds.end()) {
      expect_chosen(WakerKind::kqueue);
      ASSERT_TRUE(deny({{SYS_epoll_create1, EPERM}}));  // what ours is made of here
    }
    expect_chosen(WakerKind::pipe);
    ASSERT_TRUE(deny({{SYS_pipe2, EPERM}}));
    expect_chosen(WakerKind::socketpair);
    ASSERT_TRUE(deny({{SYS_socketpair, EPERM}}));
    expect_chosen(WakerKind::tcp_pair);
    ASSERT_TRUE(deny({{SYS_socket, EACCES}}));
    expect_refusal(WakerKind::best, {EACCES, std::system_category()},
                   "socket: Permission denied");
  }));
}

TEST(WakerChoice, does_not_fall_to_another_than_the_one_that_was_named) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_eventfd2, ENOSYS}}));
    const std::error_code missing(ENOSYS, std::system_category());
    expect_refusal(WakerKind::eventfd, missing, "eventfd: Function not implemented");
    ::setenv("TORNADO_WAKER", "eventfd", 1);
    expect_refusal(WakerKind::best, missing, "eventfd: Function not implemented");
  }));
}

}  // namespace
}  // namespace tornado::test
