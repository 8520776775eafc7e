// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>

#include "platform/log.h"
#include "support/child.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/fd.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

TEST(Errc, has_a_message_of_its_own_for_each_value) {
  EXPECT_STREQ(error_category().name(), "tornado");
  std::set<std::string> messages;
  for (int value = 1; value <= static_cast<int>(Errc::channel_closed); ++value) {
    const std::error_code code(value, error_category());
    EXPECT_EQ(code, static_cast<Errc>(value));
    EXPECT_TRUE(messages.insert(code.message()).second) << code.message();
  }
  EXPECT_EQ(error_category().message(1000), "unknown error 1000");
}

TEST(Errc, timed_out_is_also_what_the_standard_calls_so) {
  EXPECT_EQ(make_error_code(Errc::timed_out), std::errc::timed_out);
  EXPECT_NE(make_error_code(Errc::loop_closed), std::errc::timed_out);
}

TEST(Log, goes_to_the_sink_and_gives_the_former_one_back) {
  const LogSink mine = [](LogLevel, std::string_view) noexcept {};
  ASSERT_EQ(set_log_sink(mine), nullptr);
  {
    const LogCapture capture;
    log(LogLevel::warning, "a message");
    EXPECT_TRUE(capture.contains("a message", LogLevel::warning));
    EXPECT_EQ(capture.count(LogLevel::warning), 1u);
    EXPECT_EQ(capture.records().size(), 1u);
  }
  EXPECT_EQ(set_log_sink(nullptr), mine);
}

TEST(Log, goes_to_stderr_one_line_a_message) {
  FdPair pipe = make_pipe();
  const ChildResult child = run_in_child([&] {
    ::dup2(pipe.second.get(), STDERR_FILENO);
    log(LogLevel::info, "one");
    log(LogLevel::warning, "two");
    log(LogLevel::error, "");
    return std::string();
  });
  ASSERT_EQ(child.exit_status, 0);
  pipe.second.reset();
  EXPECT_EQ(read_to_end(pipe.first.get()),
            "tornado: one\ntornado: warning: two\ntornado: error: \n");
}

TEST(Log, survives_a_stderr_that_is_closed) {
  EXPECT_TRUE(passes_in_child([] {
    ::close(STDERR_FILENO);
    log(LogLevel::error, "nobody hears it");
  }));
}

}  // namespace
}  // namespace tornado::test
