// SPDX-License-Identifier: Apache-2.0
#include "process/command_line.h"

#include <gtest/gtest.h>

#include <random>
#include <system_error>

#include "process/command_line_model.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

using Arguments = std::vector<std::string>;

// The examples of the C runtime's documentation, and what an argument's end may do.
TEST(CommandLineModel, cuts_as_the_documentation_says) {
  const std::vector<std::pair<std::string, Arguments>> cases = {
      {R"(p "a b c" d e)", {"p", "a b c", "d", "e"}},
      {R"(p "ab\"c" "\\" d)", {"p", "ab\"c", "\\", "d"}},
      {R"(p a\\\b d"e f"g h)", {"p", R"(a\\\b)", "de fg", "h"}},
      {R"(p a\\\"b c d)", {"p", R"(a\"b)", "c", "d"}},
      {R"(p a\\\\"b c" d e)", {"p", R"(a\\b c)", "d", "e"}},
      {R"("c:\dir\" a)", {R"(c:\dir\)", "a"}},
      {R"(p "")", {"p", ""}},
      {"p  a\t b ", {"p", "a", "b"}},
  };
  for (const auto& [line, argv] : cases) {
    EXPECT_EQ(cut_command_line(line, TwoQuotes::stay), argv) << line;
    EXPECT_EQ(cut_command_line(line, TwoQuotes::leave), argv) << line;
  }
  const std::string two = R"(p a"b"" c d)";
  EXPECT_EQ(cut_command_line(two, TwoQuotes::stay), (Arguments{"p", "ab\" c d"}));
  EXPECT_EQ(cut_command_line(two, TwoQuotes::leave),
            (Arguments{"p", "ab\"", "c", "d"}));
}

TEST(CommandLine, quotes_only_what_has_to_be) {
  EXPECT_EQ(join_command_line({"p", "a", "-b=c", R"(C:\d\)"}), R"("p" a -b=c C:\d\)");
  EXPECT_EQ(join_command_line({"p", "x09Z"}), R"("p" x09Z)");
  EXPECT_EQ(join_command_line({"p", "{x}"}), R"("p" "{x}")");
  EXPECT_EQ(join_command_line({"p", ""}), R"("p" "")");
  EXPECT_EQ(join_command_line({"p", "a b"}), R"("p" "a b")");
  EXPECT_EQ(join_command_line({"p", "a\tb"}), "\"p\" \"a\tb\"");
  EXPECT_EQ(join_command_line({"p", R"(C:\a b\)"}), R"("p" "C:\a b\\")");
  EXPECT_EQ(join_command_line({"p", R"(a\"b)"}), R"("p" "a\\\"b")");
  EXPECT_EQ(join_command_line({"p", "*.txt"}), R"("p" "*.txt")");
  EXPECT_EQ(join_command_line({R"(C:\a b\)", "x"}), R"("C:\a b\" x)");
  EXPECT_EQ(join_command_line({"", "x"}), R"("" x)");
}

TEST(CommandLine, survives_the_round_trip) {
  std::mt19937 random(20260101);
  const std::string characters = "ab\\\\\\\"\"  \t\n*'^%&\xc3\xa4";
  const auto below = [&random](std::size_t n) { return random() % n; };
  for (std::uint64_t round = scaled(100'000); round > 0; --round) {
    Arguments argv = {"p"};
    for (std::size_t count = below(4); count > 0; --count) {
      std::string& argument = argv.emplace_back();
      for (std::size_t size = below(9); size > 0; --size) {
        argument += characters[below(characters.size())];
      }
    }
    const std::string line = join_command_line(argv);
    ASSERT_EQ(cut_command_line(line, TwoQuotes::stay), argv) << line;
    ASSERT_EQ(cut_command_line(line, TwoQuotes::leave), argv) << line;
  }
}

std::string refusal_of(const Arguments& argv) {
  try {
    (void)join_command_line(argv);
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::invalid_argument);
    return error.what();
  }
  return "none";
}

TEST(CommandLine, refuses_what_no_line_can_say) {
  EXPECT_EQ(refusal_of({"p", "ok", {"x\0y", 3}}).find("spawn: NUL byte in argv[2] x"),
            0u);
  EXPECT_EQ(refusal_of({"a\"b"}).find("spawn: double quote in argv[0] a\"b"), 0u);
  EXPECT_EQ(refusal_of({"a", "\""}), "none");
}

TEST(CommandLine, hands_a_line_of_the_shell_over_as_it_is) {
  EXPECT_EQ(shell_command_line(R"(echo "a" & exit 3)"),
            R"(cmd.exe /d /s /c "echo "a" & exit 3")");
}

TEST(CommandLine, knows_batch_files_by_all_their_names) {
  for (const char* name : {"a.bat", "a.BAT", "a.cmd", R"(C:\x\a.Cmd)", "a.bat.",
                           "a.bat ", "a.cmd. . ", ".bat"}) {
    EXPECT_TRUE(is_batch_file(name)) << name;
  }
  for (const char* name :
       {"", ".", "a", "bat", "a.exe", "a.bat.exe", "a.batch", R"(a.bat\b)"}) {
    EXPECT_FALSE(is_batch_file(name)) << name;
  }
}

}  // namespace
}  // namespace tornado::test
