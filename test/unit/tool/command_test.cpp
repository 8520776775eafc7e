// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tool/tool.h"

namespace tornado::test {
namespace {

Finish tornado(std::vector<std::string> arguments) {
  return run_tornado({std::move(arguments)});
}

struct Mistake {
  std::vector<std::string> arguments;
  std::string answer;
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.answer;
}

class EachMistake : public testing::TestWithParam<Mistake> {};

TEST_P(EachMistake, is_named_on_stderr_with_what_was_probably_meant) {
  const Finish finish = tornado(GetParam().arguments);
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(finish.err.starts_with(GetParam().answer)) << finish.err;
  EXPECT_TRUE(contains(finish.err, "\nTry 'tornado")) << finish.err;
}

INSTANTIATE_TEST_SUITE_P(
    TornadoCommand, EachMistake,
    testing::Values(
        Mistake{{"docter"}, "tornado: docter: no such command; did you mean doctor?"},
        Mistake{{"xyzzy"}, "tornado: xyzzy: no such command; there are doctor"},
        Mistake{{}, "tornado: a command is missing; there are doctor"},
        Mistake{{"demo", "--jsn"},
                "tornado demo: --jsn: no such option; did you mean --json?"},
        Mistake{{"demo", "--secs=3"},
                "tornado demo: --secs: no such option; did you mean --seconds?"},
        Mistake{{"doctor", "--frobnicate"},
                "tornado doctor: --frobnicate: no such option"},
        Mistake{{"demo", "more"}, "tornado demo: more: unexpected argument"},
        Mistake{{"demo", "doctor"}, "tornado demo: doctor: unexpected argument"},
        Mistake{{"demo", "--poller"},
                "tornado demo: --poller: 1 required NAME missing"},
        Mistake{{"demo", "--poller", "pol"},
                "tornado demo: --poller pol: no such poller; did you mean poll?"},
        Mistake{{"demo", "--seconds", "soon"},
                "tornado demo: --seconds soon: not a duration, such as 10, 2.5 or "
                "500ms"},
        Mistake{{"demo", "--seconds", "1.2.3"},
                "tornado demo: --seconds 1.2.3: not a duration, such as 10, 2.5 or "
                "500ms"},
        Mistake{{"demo", "--seconds", "99999999999999999999"},
                "tornado demo: --seconds 99999999999999999999: not a duration, such as "
                "10, 2.5 or 500ms"},
        Mistake{{"demo", "--seconds", "2h"},
                "tornado demo: --seconds 2h: it takes from 0.1 to 3600"},
        Mistake{
            {"doctor", "--color", "alway"},
            "tornado doctor: --color alway: no such choice; did you mean always?"}));

TEST(TornadoCommand, tells_its_version) {
  const Finish finish = tornado({"--version"});
  EXPECT_EQ(finish.status, 0);
  EXPECT_TRUE(finish.out.starts_with("tornado ")) << finish.out;
  EXPECT_EQ(lines_of(finish.out).size(), 1u);
}

TEST(TornadoCommand, tells_its_version_as_json_too) {
  const Finish finish = tornado({"--version", "--json"});
  EXPECT_EQ(finish.status, 0);
  const auto object = nlohmann::json::parse(finish.out);
  EXPECT_EQ(object.at("schema"), 1);
  EXPECT_EQ("tornado " + object.at("version").get<std::string>() + "\n",
            tornado({"--version"}).out);
}

TEST(TornadoCommand, helps_on_one_screen_with_examples_first) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"-h"}, {"--help"}, {"doctor", "-h"}, {"demo", "-h"}, {"-h", "demo"}}) {
    const Finish finish = tornado(arguments);
    const auto lines = lines_of(finish.out);
    EXPECT_EQ(finish.status, 0);
    EXPECT_EQ(finish.err, "");
    EXPECT_LE(lines.size(), 26u) << finish.out;
    EXPECT_EQ(lines.at(2), "Examples") << finish.out;
  }
}

class EachCommand : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] std::string help() const { return tornado({GetParam(), "-h"}).out; }
};

INSTANTIATE_TEST_SUITE_P(TornadoCommand, EachCommand,
                         testing::Values("doctor", "demo", "fds", "run"));

// The lines below a heading of the help, without their indentation.
std::vector<std::string> section(const std::string& help, const std::string& heading) {
  std::vector<std::string> found;
  bool inside = false;
  for (const auto& line : lines_of(help)) {
    if (inside && line.empty()) break;
    if (inside) found.push_back(line.substr(2));
    inside = inside || line == heading;
  }
  return found;
}

TEST_P(EachCommand, has_a_line_of_usage_for_each_form) {
  const auto lines = section(help(), "Usage");
  EXPECT_FALSE(lines.empty()) << help();
  for (const auto& line : lines) {
    EXPECT_TRUE(line.starts_with(std::string("tornado ") + GetParam())) << line;
  }
}

TEST_P(EachCommand, has_a_help_of_eighty_columns) {
  for (const auto& line : lines_of(help())) EXPECT_LE(line.size(), 80u) << line;
}

TEST_P(EachCommand, is_described_by_help_in_front_and_behind) {
  EXPECT_EQ(tornado({"help", GetParam()}).out, help());
  EXPECT_EQ(tornado({"-h", GetParam()}).out, help());
}

// "-h, --help", "--seconds N". A value that no option takes: what is wrong is then the
// value, and not the option.
TEST_P(EachCommand, accepts_each_option_that_its_help_offers) {
  const auto lines = section(help(), "Options");
  EXPECT_GE(lines.size(), 4u);
  for (const auto& line : lines) {
    std::istringstream words(line.substr(0, line.find("  ")));
    std::string option, value;
    words >> option;
    if (option.ends_with(',')) words >> option;
    words >> value;
    std::vector<std::string> arguments = {GetParam(), option};
    if (!value.empty()) arguments.emplace_back("1");
    // Its help is asked for, so that nothing runs.
    arguments.emplace_back("-h");
    const Finish finish = tornado(arguments);
    EXPECT_FALSE(contains(finish.err, "no such option")) << line << finish.err;
    EXPECT_FALSE(contains(finish.err, "required")) << line << finish.err;
    // What refuses an option on every command line does so before it looks at others.
    if (value.empty() && option != "--version" && option != "--help") {
      const Finish used =
          tornado({GetParam(), option, "--color", "never", "no-such-word"});
      EXPECT_FALSE(contains(used.err, ": " + option + ":")) << line << used.err;
    }
  }
}

TEST(TornadoCommand, helps_at_the_word_help) {
  EXPECT_EQ(tornado({"help"}).out, tornado({"-h"}).out);
  EXPECT_FALSE(section(tornado({"help"}).out, "Usage").empty());
  const Finish unknown = tornado({"help", "rnu"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_TRUE(contains(unknown.err, "tornado: rnu: no such command; did you mean run?"))
      << unknown.err;
}

TEST(TornadoCommand, ends_quietly_when_its_reader_closes) {
  // With SIGPIPE ignored from the start, as some parents have it, the errno tells.
  for (const auto action : {SIG_DFL, SIG_IGN}) {
    const Finish finish = run_tornado({{"doctor"}, {}, [action] {
                                         std::signal(SIGPIPE, action);
                                         int ends[2];
                                         if (::pipe(ends) != 0) ::_exit(99);
                                         ::dup2(ends[1], STDOUT_FILENO);
                                         ::close(ends[0]);
                                         ::close(ends[1]);
                                       }});
    EXPECT_EQ(finish.status, 128 + SIGPIPE);
    EXPECT_EQ(finish.err, "");
  }
}

TEST(TornadoCommand, fails_when_its_output_cannot_be_written) {
  const Finish closed = run_tornado({{"doctor"}, {}, [] { ::close(STDOUT_FILENO); }});
  EXPECT_EQ(closed.status, 2);
  EXPECT_TRUE(contains(closed.err, ": Bad file descriptor\n")) << closed.err;

  const Finish full = run_tornado({{"doctor"}, {}, [] {
                                     const int fd = ::open("/dev/full", O_WRONLY);
                                     ::dup2(fd, STDOUT_FILENO);
                                     ::close(fd);
                                   }});
  EXPECT_EQ(full.status, 2);
  EXPECT_TRUE(contains(full.err, ": No space left on device\n")) << full.err;
}

TEST(TornadoCommand, works_without_standard_input_and_error) {
  const Finish finish = run_tornado({{"doctor", "--json"}, {}, [] {
                                       ::close(STDIN_FILENO);
                                       ::close(STDERR_FILENO);
                                     }});
  EXPECT_EQ(finish.status, 0);
  EXPECT_TRUE(nlohmann::json::parse(finish.out).at("works"));
}

TEST(TornadoCommand, waits_for_a_slow_reader_of_a_nonblocking_output) {
  // The pipe of run_tornado() is non-blocking, and smaller than what is written.
  const Finish finish =
      run_tornado({{"doctor", "--json"}, {}, [] {
                     ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 4096);
                     const std::string fill(4000, ' ');
                     (void)!::write(STDOUT_FILENO, fill.data(), fill.size());
                   }});
  EXPECT_EQ(finish.status, 0);
  EXPECT_TRUE(nlohmann::json::parse(finish.out).at("works"));
}

}  // namespace
}  // namespace tornado::test
