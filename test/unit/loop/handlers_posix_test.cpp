// SPDX-License-Identifier: Apache-2.0
// Handlers, where descriptors are numbers that can be chosen, and pipes hang up.
#include <fcntl.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include <memory>

#include "every_loop.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class HandlersPosix : public EveryLoop {};

TEST_P(HandlersPosix, are_told_of_a_hang_up_by_read_and_error) {
  FdPair pipe = make_pipe();
  Events seen = Events::none;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events events) {
        seen = events;
        loop.remove_handler(fd);
        loop.stop();
      },
      Events::read);
  pipe.second.reset();
  start();
  EXPECT_EQ(seen, Events::read | Events::error);
}

TEST_P(HandlersPosix, changed_and_changed_back_between_two_looks_cost_no_system_call) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  const FdPair pair = make_socket_pair();
  loop.add_handler(
      pair.first.get(), [](NativeFd, Events) {}, Events::read);
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    std::vector<std::error_code> errors;
    loop.handle_callback_exception([&](std::exception_ptr error) {
      errors.push_back(error_of([&] { std::rethrow_exception(error); }));
    });
    turn();
    ASSERT_TRUE(deny({{SYS_epoll_ctl, EPERM}}));
    loop.update_handler(pair.first.get(), Events::read);
    turn();
    for (int i = 0; i < 10; ++i) {
      loop.update_handler(pair.first.get(), Events::read | Events::write);
      loop.update_handler(pair.first.get(), Events::read);
    }
    turn();
    EXPECT_TRUE(errors.empty());
    for (int i = 0; i < 10; ++i) {
      loop.update_handler(pair.first.get(), Events::read);
      loop.update_handler(pair.first.get(), Events::write);
    }
    turn();
    // One call, refused, and reported once.
    if (GetParam() == PollerKind::epoll) {
      ASSERT_EQ(errors.size(), 1u);
      EXPECT_EQ(errors[0], std::errc::operation_not_permitted);
    }
  }));
}

TEST_P(HandlersPosix, are_paused_by_a_change_that_the_kernel_refuses) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  if (GetParam() != PollerKind::epoll) return;
  const FdPair pair = make_socket_pair();
  int reads = 0;
  loop.add_handler(
      pair.first.get(), [&](NativeFd, Events) { ++reads; }, Events::read);
  EXPECT_TRUE(passes_in_child([&] {
    const LogCapture log;
    loop.after_fork();
    int errors = 0;
    loop.handle_callback_exception([&](std::exception_ptr) { ++errors; });
    ASSERT_TRUE(deny({{SYS_epoll_ctl, ENOMEM}}));
    loop.update_handler(pair.first.get(), Events::read | Events::write);
    put_byte(pair.second);
    loop.call_later(50ms, [&] { loop.stop(); });
    start();
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(reads, 0);
    EXPECT_LT(loop.counters().turns, few_turns) << "the set goes on reporting it";
    EXPECT_EQ(log.count(LogLevel::error), 1u);
    // By a poller that needs no kernel's set, until there is one again.
    loop.update_handler(pair.first.get(), Events::read);
    turn();
    EXPECT_EQ(reads, 1);
  }));
}

TEST_P(HandlersPosix, changed_and_then_removed_leave_the_next_of_the_number_alone) {
  FdPair old = make_socket_pair();
  FdPair fresh = make_socket_pair();
  const NativeFd number = old.first.get();
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::read);
  loop.update_handler(number, Events::write);
  loop.remove_handler(number);
  ASSERT_EQ(::dup3(fresh.first.get(), number, O_CLOEXEC), number);
  std::vector<Events> seen;
  loop.add_handler(
      number, [&](NativeFd, Events events) { seen.push_back(events); }, Events::read);
  turn();
  EXPECT_TRUE(seen.empty()) << "waited for what its predecessor wanted";
  put_byte(fresh.second);
  turn();
  EXPECT_EQ(seen, std::vector{Events::read});
}

TEST_P(HandlersPosix, beyond_the_limit_of_select_are_refused_by_it) {
  const FdPair pipe = make_pipe();
  const DescriptorLimit room(FD_SETSIZE + 1);
  const UniqueFd high(::fcntl(pipe.first.get(), F_DUPFD_CLOEXEC, FD_SETSIZE));
  ASSERT_EQ(high.get(), FD_SETSIZE);
  const auto alive = std::make_shared<int>(0);
  const auto add = [&] {
    loop.add_handler(
        high.get(), [alive](NativeFd, Events) {}, Events::read);
  };
  if (GetParam() == PollerKind::select) {
    EXPECT_EQ(error_of(add), std::errc::invalid_argument);
    EXPECT_NE(text_of(add).find(std::to_string(FD_SETSIZE)), std::string::npos);
    EXPECT_EQ(alive.use_count(), 1);
  } else {
    EXPECT_FALSE(error_of(add));
    loop.remove_handler(high.get());
  }
}

TEST_P(HandlersPosix, of_a_closed_number_are_not_called_for_its_next_owner) {
  // Two descriptors are ready at once. The first handler closes the other, and opens
  // something on its number, which is ready as well: no handler may be called for it.
  FdPair a = make_socket_pair();
  FdPair b = make_socket_pair();
  FdPair c = make_socket_pair();
  put_byte(a.second);
  put_byte(b.second);
  put_byte(c.second);
  int calls = 0;
  int reborn_calls = 0;
  std::vector<UniqueFd> reborn;
  const auto handler = [&](NativeFd self, Events) {
    ++calls;
    UniqueFd& other = self == a.first.get() ? b.first : a.first;
    const NativeFd number = other.get();
    loop.remove_handler(self);
    loop.remove_handler(number);
    other.reset();
    reborn.emplace_back(::fcntl(c.first.get(), F_DUPFD_CLOEXEC, number));
    ASSERT_EQ(reborn.back().get(), number);
    loop.add_handler(
        number,
        [&](NativeFd fd, Events) {
          ++reborn_calls;
          EXPECT_EQ(calls, 1);
          loop.remove_handler(fd);
          loop.stop();
        },
        Events::read);
    // In this batch the number has an event that was its former owner's.
    loop.add_callback([&] { EXPECT_EQ(reborn_calls, 0); });
  };
  loop.add_handler(a.first.get(), handler, Events::read);
  loop.add_handler(b.first.get(), handler, Events::read);
  start();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(reborn_calls, 1);
}

TEST_P(HandlersPosix,
       of_regular_files_are_refused_by_epoll_and_always_ready_elsewhere) {
  const UniqueFd file = open_file("/proc/self/exe", O_RDONLY);
  int calls = 0;
  const auto add = [&] {
    loop.add_handler(
        file.get(), [&](NativeFd, Events) { ++calls; }, Events::read);
  };
  if (GetParam() == PollerKind::epoll) {
    EXPECT_EQ(error_of(add), std::errc::operation_not_permitted);
  } else {
    add();
    turn();
    turn();
    EXPECT_GT(calls, 0);
  }
}

TORNADO_ON_EVERY_POLLER(HandlersPosix);

}  // namespace
}  // namespace tornado::test
