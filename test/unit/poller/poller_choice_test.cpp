// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <sys/syscall.h>

#include <algorithm>

#include "platform/select_backend.h"
#include "poller/every_poller.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/pollers.h"
#include "tornado/error.h"

namespace tornado::test {
namespace {

void expect_refusal(PollerKind kind, std::error_code code, const std::string& message) {
  try {
    const auto poller = make_poller(kind);
    ADD_FAILURE() << "a poller of kind " << to_string(poller->kind()) << " was made";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), code);
    EXPECT_EQ(std::string(e.what()), message);
  }
}

TEST(PollerChoice, has_a_name_for_each_kind) {
  EXPECT_EQ(to_string(PollerKind::best), "best");
  EXPECT_EQ(to_string(PollerKind::epoll), "epoll");
  EXPECT_EQ(to_string(PollerKind::poll), "poll");
  EXPECT_EQ(to_string(PollerKind::select), "select");
  const auto kinds = poller_kinds();
  if (std::ranges::find(kinds, PollerKind::kqueue) != kinds.end()) {
    EXPECT_EQ(to_string(PollerKind::kqueue), "kqueue");
  }
  EXPECT_EQ(to_string(PollerKind::io_uring), "io_uring");
  EXPECT_EQ(to_string(static_cast<PollerKind>(77)), "unknown");
}

TEST(PollerChoice, takes_the_first_by_default) {
  EXPECT_TRUE(passes_in_child([] {
    ::unsetenv("TORNADO_POLLER");
    EXPECT_EQ(make_poller(PollerKind::best)->kind(), poller_kinds().front());
    ::setenv("TORNADO_POLLER", "", 1);
    EXPECT_EQ(make_poller(PollerKind::best)->kind(), poller_kinds().front());
  }));
}

TEST(PollerChoice, takes_what_the_environment_names) {
  for (PollerKind kind : working_poller_kinds()) {
    EXPECT_TRUE(passes_in_child([kind] {
      ::setenv("TORNADO_POLLER", std::string(to_string(kind)).c_str(), 1);
      EXPECT_EQ(make_poller(PollerKind::best)->kind(), kind);
    }));
  }
}

TEST(PollerChoice, takes_what_the_program_names_before_the_environment) {
  EXPECT_TRUE(passes_in_child([] {
    ::setenv("TORNADO_POLLER", "radar", 1);
    EXPECT_EQ(make_poller(PollerKind::poll)->kind(), PollerKind::poll);
  }));
}

TEST(PollerChoice, refuses_a_name_in_the_environment_that_it_does_not_know) {
  EXPECT_TRUE(passes_in_child([] {
    ::setenv("TORNADO_POLLER", "radar", 1);
    expect_refusal(PollerKind::best, Errc::no_poller,
                   "TORNADO_POLLER=radar: no such poller here");
  }));
}

TEST(PollerChoice, refuses_a_kind_that_was_not_compiled_in) {
  expect_refusal(static_cast<PollerKind>(77), Errc::no_poller,
                 "kind 77: no such poller here");
}

TEST(PollerChoice, falls_to_the_next_when_one_cannot_be_created) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ::unsetenv("TORNADO_POLLER");
    ASSERT_TRUE(deny({{SYS_epoll_create1, ENOSYS}}));
    EXPECT_EQ(make_poller(PollerKind::best)->kind(), PollerKind::poll);
    expect_refusal(PollerKind::epoll, {ENOSYS, std::system_category()},
                   "epoll_create1: Function not implemented");
  }));
}

TEST(PollerChoice, takes_another_where_io_uring_is_forbidden) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  for (const int number : {SYS_io_uring_setup, SYS_io_uring_enter}) {
    for (const int error : {ENOSYS, EPERM}) {
      EXPECT_TRUE(passes_in_child([&] {
        ASSERT_TRUE(deny({{number, error}}));
        EXPECT_EQ(make_poller(PollerKind::io_uring)->kind(), poller_kinds().front());
        ::setenv("TORNADO_POLLER", "io_uring", 1);
        EXPECT_EQ(make_poller(PollerKind::best)->kind(), poller_kinds().front());
      }));
    }
  }
}

TEST(PollerChoice, takes_no_other_where_io_uring_fails_for_want_of_descriptors) {
  if (!works_here(PollerKind::io_uring) || !can_deny()) {
    GTEST_SKIP() << "no io_uring here, or system calls cannot be denied";
  }
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_io_uring_setup, EMFILE}}));
    expect_refusal(PollerKind::io_uring, {EMFILE, std::system_category()},
                   "io_uring_setup: Too many open files");
  }));
}

struct Fake {
  std::string_view name;
  std::error_code error;
  bool opt_in = false;
};

std::string_view make_fake(const Fake& fake) {
  if (fake.error) throw std::system_error(fake.error);
  return fake.name;
}

const Fake absent{"absent", Errc::no_poller, true};
const Fake forbidden{"forbidden", std::make_error_code(std::errc::permission_denied)};
const Fake missing{"missing", std::make_error_code(std::errc::function_not_supported)};
const Fake named{"named", {}, true};
const Fake usual{"usual", {}};

TEST(PollerChoice, best_skips_opt_in_kinds_even_if_all_others_fail) {
  const Fake* const table[] = {&forbidden, &missing, &named};
  EXPECT_EQ(
      code_of([&] { select_best(std::span<const Fake* const>(table), make_fake); }),
      missing.error);
}

TEST(PollerChoice, takes_the_best_for_one_by_name_only_that_this_build_does_not_have) {
  const Fake* const table[] = {&missing, &usual, &absent};
  EXPECT_EQ(select_named(std::span<const Fake* const>(table), absent, make_fake),
            "usual");
  EXPECT_EQ(code_of([&] {
              select_named(std::span<const Fake* const>(table), missing, make_fake);
            }),
            missing.error);
}

}  // namespace
}  // namespace tornado::test
