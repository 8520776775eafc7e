// SPDX-License-Identifier: Apache-2.0
#include "tornado/faults.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <new>
#include <stdexcept>
#include <thread>

#include "platform/thread.h"
#include "poller/poller.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "testing/fault_ledger.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

TEST(FaultInjection, makes_the_call_of_that_number_fail_and_no_other) {
  const FdPair pipe = make_pipe();
  const FaultInjection injection({.call = "write", .error = ENOSPC, .nth = 2});
  EXPECT_EQ(::write(pipe.second.get(), "a", 1), 1);
  EXPECT_EQ(::write(pipe.second.get(), "b", 1), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(::write(pipe.second.get(), "c", 1), 1);
  EXPECT_EQ(injection.failures(), 1u);
  EXPECT_EQ(injection.count("write"), 3u);
}

TEST(FaultInjection, lasts_if_asked_and_ends_with_its_object) {
  const FdPair pipe = make_pipe();
  {
    const FaultInjection injection(
        {.call = "write", .error = EPIPE, .nth = 1, .persistent = true});
    for (int i = 0; i < 100; ++i) EXPECT_EQ(::write(pipe.second.get(), "a", 1), -1);
    EXPECT_EQ(injection.failures(), 100u);
  }
  EXPECT_EQ(::write(pipe.second.get(), "a", 1), 1);
}

TEST(FaultInjection, lets_a_call_move_one_byte) {
  const FdPair pipe = make_pipe();
  const FaultInjection injection({.call = "write", .error = moves_one_byte});
  EXPECT_EQ(::write(pipe.second.get(), "0123456789", 10), 1);
  EXPECT_EQ(::write(pipe.second.get(), "0123456789", 10), 10);
}

TEST(FaultInjection, reaches_below_the_library) {
  IOLoop loop;
  const FdPair pipe = make_pipe();
  {
    const FaultInjection injection({.call = "epoll_ctl", .error = ENOSPC});
    try {
      loop.add_handler(
          pipe.first.get(), [](NativeFd, Events) {}, Events::read);
      EXPECT_EQ(injection.failures(), 0u) << "of another poller";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    }
  }
  const FaultInjection injection({.call = "pipe2", .error = EMFILE});
  EXPECT_THROW((void)make_pipe(), std::system_error);
}

TEST(FaultInjection, of_the_look_whether_a_mode_sticks_is_told) {
  const FdPair pipe = make_pipe();
  const FaultInjection injection({.call = "fcntl", .error = EBADF, .nth = 2});
  std::error_code error;
  set_nonblocking(pipe.first.get(), true, error);
  EXPECT_EQ(error, std::errc::bad_file_descriptor);
  EXPECT_EQ(injection.failures(), 1u);
}

TEST(FaultInjection, refuses_memory) {
  const FaultInjection injection({.call = "operator new", .error = ENOMEM});
  EXPECT_THROW((void)::operator new(1), std::bad_alloc);
  EXPECT_NO_THROW(::operator delete(::operator new(1)));
}

/// What is asked for by each of the forms, without a new-expression, which a compiler
/// may leave out.
template <class F>
void with_each_new(F use, std::size_t size) {
  constexpr std::align_val_t wide{64};
  const auto of = [size](auto... more) { return ::operator new(size, more...); };
  const auto array_of = [size](auto... more) {
    return ::operator new[](size, more...);
  };
  use([&] { return of(); }, [](void* p) { ::operator delete(p); });
  use([&] { return array_of(); }, [](void* p) { ::operator delete[](p); });
  use([&] { return of(wide); }, [](void* p) { ::operator delete(p, wide); });
  use([&] { return array_of(wide); }, [](void* p) { ::operator delete[](p, wide); });
  use([&] { return of(wide); }, [size](void* p) { ::operator delete(p, size, wide); });
  use([&] { return array_of(wide); },
      [size](void* p) { ::operator delete[](p, size, wide); });
}

TEST(FaultInjection, refuses_memory_in_each_form) {
  int forms = 0;
  with_each_new(
      [&forms](auto get, auto give_back) {
        ++forms;
        const FaultInjection injection({.call = "operator new", .error = ENOMEM});
        EXPECT_THROW((void)get(), std::bad_alloc);
        void* const block = get();
        EXPECT_NE(block, nullptr);
        give_back(block);
        give_back(nullptr);
        EXPECT_EQ(injection.count("operator new"), 2u);
      },
      10);
  EXPECT_EQ(forms, 6);
  const FaultInjection injection({.call = "operator new", .error = ENOMEM, .nth = 2});
  void* const one = ::operator new(1, std::nothrow);
  EXPECT_NE(one, nullptr);
  EXPECT_EQ(::operator new[](1, std::nothrow), nullptr);
  void* const array = ::operator new[](1, std::nothrow);
  EXPECT_NE(array, nullptr);
  ::operator delete(one);
  ::operator delete[](array);
}

TEST(FaultInjection, leaves_the_sizes_of_memory_what_they_are) {
  void* const none = ::operator new(0);
  void* const none_either = ::operator new(0);
  EXPECT_NE(none, nullptr);
  EXPECT_NE(none, none_either);
  ::operator delete(none);
  ::operator delete(none_either);
  const volatile std::size_t too_much = SIZE_MAX / 2 + 1;
  EXPECT_THROW((void)::operator new(too_much), std::bad_alloc);
}

TEST(FaultInjection, says_what_a_close_itself_says_if_that_fails) {
  const FaultInjection injection({.call = "close", .error = EIO});
  EXPECT_EQ(::close(-1), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(injection.failures(), 1u);
}

TEST(FaultInjection, takes_no_status_of_what_is_no_child) {
  const FaultInjection injection({.call = "waitid P_PIDFD", .error = ECHILD});
  const UniqueFd closed = duplicate(STDIN_FILENO);
  const auto number = static_cast<id_t>(closed.get() + 1);
  siginfo_t info;
  EXPECT_EQ(::waitid(static_cast<idtype_t>(3), number, &info, WEXITED), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(FaultInjection, tells_of_a_use_of_low_numbers_where_that_is_forbidden) {
  EXPECT_TRUE(passes_in_child([] {
    const auto write_low = [] { return ::write(STDOUT_FILENO, "", 0); };
    const auto write_high = [] { return ::write(STDERR_FILENO + 1, "", 0); };
    {
      const FaultInjection injection;
      (void)write_low();
      EXPECT_FALSE(faults::low_number_used()) << "it is not forbidden";
      faults::forbid_low_numbers();
      (void)write_high();
      EXPECT_FALSE(faults::low_number_used());
    }
    (void)write_low();
    EXPECT_FALSE(faults::low_number_used()) << "nothing is counted any more";
    const FaultInjection another;
    faults::forbid_low_numbers();
    (void)write_low();
    EXPECT_TRUE(faults::low_number_used());
  }));
}

TEST(FaultInjection, can_be_had_of_all_that_it_lists) {
  EXPECT_GT(fault_calls().size(), 50u);
  for (const FaultCall& call : fault_calls()) {
    EXPECT_NE(call.errors[0], 0) << call.name;
    for (const int error : call.errors) {
      if (error == 0) break;
      const FaultInjection injection({.call = call.name, .error = error});
      EXPECT_EQ(injection.count(call.name), 0u) << call.name;
    }
  }
}

#if defined(SYS_mmap2)
constexpr int number_of_mmap = SYS_mmap2;  // of 32-bit systems
#else
constexpr int number_of_mmap = SYS_mmap;
#endif

TEST(FaultInjection, that_has_no_memory_is_none) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{number_of_mmap, ENOMEM}}));
    EXPECT_THROW(FaultInjection(), std::bad_alloc);
    EXPECT_THROW(FaultInjection(), std::bad_alloc) << "there is none already";
  }));
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

TEST(FaultInjection, leaves_no_mapping_behind) {
  { const FaultInjection first; }
  const std::size_t before = mappings();
  for (int i = 0; i < 1000; ++i)
    const FaultInjection one({.call = "write", .error = EIO});
  EXPECT_LT(mappings(), before + 10);
}

TEST(FaultInjection, does_not_make_a_loop_spin_that_has_no_descriptor_for_its_set) {
  IOLoop loop(PollerKind::epoll);
  FdPair orphan = make_socket_pair();
  const FdPair level = make_pipe();
  const FdPair edge = make_pipe();
  int levels = 0;
  int edges = 0;
  const auto run_for = [&](std::chrono::milliseconds time) {
    const std::uint64_t before = loop.counters().turns;
    loop.call_later(time, [&] { loop.stop(); });
    loop.start();
    return loop.counters().turns - before;
  };
  const auto on_level = [&](NativeFd fd, Events) {
    char byte;
    levels += static_cast<int>(::read(fd, &byte, 1));
    // The orphan is in the same batch, and so the set is looked at no more.
    if (levels == 1) put_byte(edge.second);
  };
  const auto on_edge = [&](NativeFd, Events) { ++edges; };
  loop.add_handler(level.first.get(), on_level, Events::read);
  loop.add_handler(edge.first.get(), on_edge, Events::read | Events::edge);
  const UniqueFd twin = duplicate(orphan.first.get());
  const NativeFd number = orphan.first.get();
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::read);
  put_byte(orphan.second);
  orphan.first.reset();
  loop.remove_handler(number);
  const LogCapture log;
  {
    const FaultInjection injection(
        {.call = "epoll_create1", .error = EMFILE, .persistent = true});
    put_byte(level.second);
    EXPECT_LT(run_for(std::chrono::milliseconds(250)), 50u);
    EXPECT_EQ(levels, 1) << "poll stands in";
    EXPECT_EQ(edges, 0) << "which has no edges";
    EXPECT_EQ(log.count(LogLevel::error), 1u);
    EXPECT_LT(injection.failures(), 10u) << "tried now and then";
    // Changes keep until the loop has its poller back.
    loop.update_handler(edge.first.get(), Events::read);
    loop.update_handler(edge.first.get(), Events::read | Events::edge);
    loop.update_handler(level.first.get(), Events::read | Events::edge);
  }
  put_byte(level.second);
  EXPECT_LT(run_for(std::chrono::milliseconds(250)), 50u);
  EXPECT_EQ(levels, 2);
  EXPECT_EQ(edges, 1);
  EXPECT_EQ(log.count(LogLevel::error), 1u);
}

TEST(FaultInjection, leaves_a_loop_that_could_not_be_taken_over_for_another_try) {
  IOLoop loop(PollerKind::epoll);
  const FdPair pipe = make_pipe();
  int heard = 0;
  const auto hear = [&] {
    if (++heard == 2) loop.stop();
  };
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        loop.remove_handler(fd);
        hear();
      },
      Events::read);
  // The first is the waker's, the second the handler's.
  for (const std::uint32_t nth : {1u, 2u}) {
    EXPECT_TRUE(passes_in_child([&] {
      {
        const FaultInjection injection(
            {.call = "epoll_ctl", .error = ENOMEM, .nth = nth});
        EXPECT_THROW(loop.after_fork(), std::system_error);
        EXPECT_EQ(injection.failures(), 1u);
      }
      loop.after_fork();
      loop.call_later(patience, [] { ADD_FAILURE() << "not woken"; });
      put_byte(pipe.second);
      std::thread other(
          [&hear, handle = loop.handle()] { (void)handle.add_callback(hear); });
      loop.start();
      other.join();
    }));
  }
}

TEST(FaultInjection, of_a_change_of_interest_reaches_a_handler_that_stops_the_loop) {
  IOLoop loop(PollerKind::epoll);
  const FdPair pipe = make_pipe();
  loop.add_handler(
      pipe.first.get(), [](NativeFd, Events) { ADD_FAILURE(); }, Events::read);
  loop.call_later(patience, [] { ADD_FAILURE() << "not stopped"; });
  int reported = 0;
  loop.handle_callback_exception([&](const std::exception_ptr& exception) {
    ++reported;
    EXPECT_THROW(std::rethrow_exception(exception), std::system_error);
    loop.stop();
  });
  const FaultInjection injection({.call = "epoll_ctl", .error = ENOMEM});
  loop.add_callback([&] { loop.update_handler(pipe.first.get(), Events::write); });
  loop.start();
  EXPECT_EQ(reported, 1);
  EXPECT_EQ(injection.failures(), 1u);
}

TEST(FaultInjection, of_a_number_that_is_another_file_by_now_is_told_of_the_change) {
  const auto poller = make_poller(PollerKind::epoll);
  const FdPair first = make_pipe();
  const FdPair second = make_pipe();
  const NativeFd fd = first.first.get();
  poller->add(fd, Events::read, 1);
  ASSERT_EQ(::dup2(second.first.get(), fd), fd);
  // A change of an unknown descriptor fails by itself. The next call adds it.
  const FaultInjection injection({.call = "epoll_ctl", .error = ENOSPC, .nth = 2});
  EXPECT_THROW(poller->modify(fd, Events::read, 1), std::system_error);
  EXPECT_EQ(injection.failures(), 1u);
}

TEST(FaultInjection, of_membarrier_once_is_made_good_by_another_registration) {
  use_asymmetric_fences();
  if (!heavy_fence()) GTEST_SKIP() << "membarrier is not used here";
  const FaultInjection injection({.call = "syscall membarrier", .error = EPERM});
  EXPECT_TRUE(heavy_fence());
  EXPECT_EQ(injection.failures(), 1u);
  const std::uint32_t before = injection.count("syscall membarrier");
  EXPECT_TRUE(heavy_fence());
  EXPECT_GT(injection.count("syscall membarrier"), before);
}

TEST(FaultInjection, counts_in_forked_children_as_well) {
  const FaultInjection injection({.call = "write", .error = EIO, .nth = 2});
  EXPECT_EQ(::write(-1, "", 0), -1);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::write(-1, "", 0) == -1 && errno == EIO ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(injection.failures(), 1u);
  EXPECT_EQ(injection.count("fork"), 1u);
}

TEST(FaultInjection, refuses_what_it_does_not_know_and_a_second_one) {
  const auto text = [](const Fault& fault) -> std::string {
    try {
      const FaultInjection injection(fault);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(text({.call = "scribble", .error = EIO}),
            "FaultInjection: no such call: scribble");
  EXPECT_EQ(text({.call = "write"}), "FaultInjection: write: error 0 or nth 0");
  EXPECT_EQ(text({.call = "write", .error = EIO, .nth = 0}),
            "FaultInjection: write: error 0 or nth 0");
  const FaultInjection first;
  EXPECT_THROW(FaultInjection(), std::logic_error);
  EXPECT_THROW((void)first.count("scribble"), std::invalid_argument);
}

}  // namespace
}  // namespace tornado::test
