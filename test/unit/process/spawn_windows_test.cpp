// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <windows.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "process/program_windows.h"
#include "process/reported_windows.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

namespace fs = std::filesystem;

constexpr DWORD patience_ms = 30'000;

std::string error_of(const SpawnOptions& options, std::error_condition expected) {
  try {
    Child child = spawn(options);
    signal_child(child.pid, child.process.get(), kill_signal);
    return "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
}

bool starts_with(const std::string& text, const std::string& beginning) {
  return text.rfind(beginning, 0) == 0;
}

// A directory of its own, gone at the end.
class Directory {
 public:
  Directory() {
    static std::atomic<int> count = 0;
    path_ = fs::temp_directory_path() /
            (L"tornado_" + std::to_wstring(::GetCurrentProcessId()) + L"_" +
             std::to_wstring(++count));
    fs::create_directories(path_);
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const {
    return to_utf8((path_ / to_wide(name, "test")).wstring());
  }
  [[nodiscard]] std::string path() const { return to_utf8(path_.wstring()); }

 private:
  fs::path path_;
};

std::string content_of(const std::string& file) {
  std::ifstream in(fs::path(to_wide(file, "test")), std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> random_arguments(std::mt19937& random, std::size_t count) {
  const std::array<std::string, 18> pieces = {
      "a",  "b", "\\", "\\", "\\", "\"", "\"", " ",        "\t",
      "\n", "*", "?",  "'",  "^",  "%",  "&",  "\xc3\xa4", "\xf0\x9f\x8c\xaa"};
  std::vector<std::string> arguments(count);
  for (std::string& argument : arguments) {
    for (auto size = random() % 12; size > 0; --size) {
      argument += pieces[random() % pieces.size()];
    }
  }
  return arguments;
}

TEST(Spawn, thousands_of_arguments_survive_the_runtime_and_the_system) {
  std::mt19937 random(20260102);
  for (int round = 0; round < 20; ++round) {
    SpawnOptions options;
    options.argv = random_arguments(random, 400);
    std::vector<std::wstring> expected;
    for (const std::string& argument : options.argv) {
      expected.push_back(to_wide(argument, "test"));
    }
    const Reported report = report_of(options);
    ASSERT_EQ(report.runtime_arguments.size(), expected.size() + 2);
    ASSERT_EQ(report.system_arguments.size(), expected.size() + 2);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(report.runtime_arguments[i + 2], expected[i]) << options.argv[i];
      ASSERT_EQ(report.system_arguments[i + 2], expected[i]) << options.argv[i];
    }
  }
}

TEST(Spawn, gives_the_three_streams_and_nothing_else) {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  std::vector<UniqueHandle> strays;
  for (int i = 0; i < 20; ++i) {
    strays.emplace_back(::CreateEventW(&inheritable, TRUE, FALSE, nullptr));
  }
  const Reported report = report_of({});
  std::set<std::string> streams;
  for (const std::string& stream : report.streams) {
    streams.insert(stream.substr(0, stream.find(' ')));
  }
  EXPECT_EQ(streams.size(), 3u);
  EXPECT_EQ(std::set(report.handles.begin(), report.handles.end()), streams);
}

TEST(Spawn, leaves_nothing_inheritable_behind) {
  Child child = [] {
    SpawnOptions options = reporter({"copy"});
    options.in = options.out = options.err = Stdio::pipe();
    return spawn(options);
  }();
  for (const UniqueFd* fd : {&child.process, &child.in, &child.out, &child.err}) {
    DWORD flags = 0;
    ASSERT_TRUE(::GetHandleInformation(as_handle(fd->get()), &flags));
    EXPECT_FALSE(flags & HANDLE_FLAG_INHERIT);
  }
  child.in.reset();
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, replaces_the_environment_in_the_order_of_names) {
  SpawnOptions options;
  options.environment = {{"b", "2"}, {"A", "1"}, {"C", "\xc3\xa4 = x"}, {"B", "3"}};
  std::vector<std::string> told = report_of(options).environment;
  // Wine adds its own.
  std::erase_if(told, [](const std::string& entry) { return entry.find('=') != 1; });
  EXPECT_EQ(told, (std::vector<std::string>{"A=1", "B=3", "C=\xc3\xa4 = x"}));
}

TEST(Spawn, changes_the_environment_without_regard_to_case) {
  ::SetEnvironmentVariableW(L"Tornado_Kept", L"kept");
  ::SetEnvironmentVariableW(L"Tornado_Changed", L"old");
  ::SetEnvironmentVariableW(L"Tornado_Removed", L"there");
  SpawnOptions options;
  options.environment_changes = {{"TORNADO_CHANGED", "new"}, {"tornado_removed", {}}};
  std::vector<std::string> told = report_of(options).environment;
  std::erase_if(told, [](const std::string& entry) {
    return !starts_with(entry, "Tornado_") && !starts_with(entry, "TORNADO_CHANGED");
  });
  EXPECT_EQ(told,
            (std::vector<std::string>{"TORNADO_CHANGED=new", "Tornado_Kept=kept"}));
}

TEST(Spawn, sets_the_working_directory) {
  const Directory directory;
  SpawnOptions options;
  options.cwd = directory.path();
  EXPECT_TRUE(fs::equivalent(report_of(options).cwd, directory.path()));
}

TEST(Spawn, looks_in_the_path_of_the_child_and_adds_exe) {
  const Directory directory;
  fs::copy_file(fs::path(to_wide(child_reporter_path(), "test")),
                fs::path(to_wide(directory.file("na\xc3\xafve 1.0.exe"), "test")));
  SpawnOptions options;
  options.argv = {"na\xc3\xafve 1.0", "exit", "5"};
  EXPECT_TRUE(starts_with(error_of(options, std::errc::no_such_file_or_directory),
                          "exec na\xc3\xafve 1.0"));
  options.environment_changes = {{"PATH", "C:\\none;\"" + directory.path() + "\""}};
  Child child = spawn(options);
  EXPECT_EQ(wait_child(child), 5);
  options.environment_changes = {{"PATH", "."}};
  options.cwd = directory.path();
  child = spawn(options);
  EXPECT_EQ(wait_child(child), 5);
}

TEST(Spawn, gives_the_returncode_whatever_it_is) {
  for (const int code : {0, 7, 255, 259, -1073741819}) {
    Child child = spawn(reporter({"exit", std::to_string(code)}));
    EXPECT_EQ(wait_child(child), code);
  }
}

TEST(Spawn, runs_a_line_of_the_shell) {
  SpawnOptions options{.shell = "echo \"a b\"& exit 3", .out = Stdio::pipe()};
  Child child = spawn(options);
  EXPECT_EQ(read_all(child.out.get()), "\"a b\"\r\n");
  EXPECT_EQ(wait_child(child), 3);
}

TEST(Spawn, gives_a_killed_child_the_number_of_the_signal) {
  Child child = spawn(reporter({"sleep"}));
  EXPECT_TRUE(signal_child(child.pid, child.process.get(), 0));
  EXPECT_FALSE(reap(child.pid, child.process.get(), WaitFor::nothing));
  EXPECT_TRUE(signal_child(child.pid, child.process.get(), kill_signal));
  EXPECT_EQ(reap(child.pid, child.process.get(), WaitFor::end)->returncode, -9);
  EXPECT_FALSE(signal_child(child.pid, child.process.get(), kill_signal));
  EXPECT_THROW(signal_child(child.pid, child.process.get(), 2), std::system_error);
}

TEST(SpawnStdio, pipes_carry_more_than_they_hold_and_end_of_file) {
  SpawnOptions options = reporter({"copy"});
  options.in = options.out = Stdio::pipe();
  Child child = spawn(options);
  std::string text(3'000'000, 'x');
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>(i);
  std::thread writer([&] {
    write_all(child.in.get(), text);
    child.in.reset();
  });
  const std::string back = read_all(child.out.get());
  writer.join();
  EXPECT_TRUE(back == text);
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, a_child_that_ended_closes_the_pipe_that_it_did_not_read) {
  SpawnOptions options = reporter({"exit", "0"});
  options.in = Stdio::pipe();
  Child child = spawn(options);
  const std::string text(65536, 'x');
  while (write_once(child.in.get(), text)) {
    std::this_thread::yield();
  }
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, a_closed_end_stops_a_child_that_writes) {
  SpawnOptions options = reporter({"copy"});
  options.in = options.out = Stdio::pipe();
  Child child = spawn(options);
  child.out.reset();
  const std::string text(65536, 'x');
  while (write_once(child.in.get(), text)) {
    std::this_thread::yield();
  }
  EXPECT_EQ(wait_child(child), 66);
}

TEST(SpawnStdio, files_are_opened_with_flags) {
  const Directory directory;
  const std::string file = directory.file("out \xc3\xa4.txt");
  const auto echo = [&](const std::string& text, int flags) {
    SpawnOptions options{.shell = "echo " + text, .out = Stdio::file(file, flags)};
    Child child = spawn(options);
    EXPECT_EQ(wait_child(child), 0);
  };
  echo("one", _O_WRONLY | _O_CREAT | _O_EXCL);
  echo("two", _O_WRONLY | _O_APPEND);
  EXPECT_EQ(content_of(file), "one\r\ntwo\r\n");
  SpawnOptions again{.shell = "echo x",
                     .out = Stdio::file(file, _O_WRONLY | _O_CREAT | _O_EXCL)};
  error_of(again, std::errc::file_exists);
  echo("3", _O_WRONLY | _O_TRUNC);
  EXPECT_EQ(content_of(file), "3\r\n");
  SpawnOptions copy = reporter({"copy"});
  copy.in = Stdio::file(file, _O_RDONLY);
  copy.out = Stdio::pipe();
  Child child = spawn(copy);
  EXPECT_EQ(read_all(child.out.get()), "3\r\n");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, null_reads_as_empty) {
  SpawnOptions options = reporter({"copy"});
  options.in = Stdio::null();
  options.out = Stdio::pipe();
  Child child = spawn(options);
  EXPECT_EQ(read_all(child.out.get()), "");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, stderr_goes_where_stdout_goes) {
  SpawnOptions options{.shell = "echo 1& (echo 2)>&2& echo 3",
                       .out = Stdio::pipe(),
                       .err = Stdio::as_stdout()};
  Child child = spawn(options);
  EXPECT_FALSE(child.err);
  std::string told = read_all(child.out.get());
  std::erase_if(told, [](char c) { return c == '\r' || c == '\n' || c == ' '; });
  EXPECT_EQ(told, "123");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, maps_handles_to_descriptors_of_the_runtime) {
  const Directory directory;
  const std::string name = directory.file("mapped");
  UniqueHandle file(::CreateFileW(to_wide(name, "test").c_str(), GENERIC_WRITE, 0,
                                  nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr));
  ASSERT_TRUE(file);
  SpawnOptions options = reporter({"write", "7"});
  options.descriptors = {{5, as_fd(file.get())}, {7, as_fd(file.get())}};
  Child child = spawn(options);
  EXPECT_EQ(wait_child(child), 0);
  file.reset();
  EXPECT_EQ(content_of(name), "write");
}

TEST(SpawnFailure, names_what_was_refused) {
  const auto refused = std::make_error_condition(std::errc::invalid_argument);
  EXPECT_TRUE(starts_with(error_of({.argv = {"C:\\x\\run.BAT", "a"}}, refused),
                          "spawn: \"C:\\x\\run.BAT\" is a batch file"));
  EXPECT_TRUE(starts_with(error_of({.argv = {"p"}, .executable = "x.cmd. "}, refused),
                          "spawn: \"x.cmd. \" is a batch file"));
  EXPECT_TRUE(
      starts_with(error_of({.argv = {"p"}, .environment = {{{"a=b", ""}}}}, refused),
                  "environment variable \"a=b\": '=' in the name"));
  EXPECT_TRUE(
      starts_with(error_of({.argv = {"p", "\xff"}}, std::errc::illegal_byte_sequence),
                  "spawn: no UTF-8 in argv"));
  EXPECT_TRUE(
      starts_with(error_of({.argv = {"p"}, .umask = 7}, std::errc::not_supported),
                  "spawn: umask is not supported on Windows"));
  EXPECT_TRUE(starts_with(error_of({.argv = {"p"}, .cwd = "C:\\no\\such"},
                                   std::errc::no_such_file_or_directory),
                          "chdir C:\\no\\such"));
  SpawnOptions longest = reporter({std::string(40'000, 'x')});
  EXPECT_TRUE(starts_with(error_of(longest, std::errc::argument_list_too_long),
                          "spawn: a command line of "));
  SpawnOptions bad = reporter({});
  bad.descriptors = {{5, invalid_fd}};
  EXPECT_TRUE(starts_with(error_of(bad, std::errc::bad_file_descriptor),
                          "child descriptor 5 from fd "));
  bad.descriptors = {{2, as_fd(::GetCurrentProcess())}};
  EXPECT_TRUE(starts_with(error_of(bad, refused), "child descriptor 2 mapped twice"));
}

DWORD open_handles() {
  DWORD count = 0;
  ::GetProcessHandleCount(::GetCurrentProcess(), &count);
  return count;
}

// The threads of the pumps close theirs in their own time.
bool handles_become(DWORD expected) {
  const ULONGLONG deadline = ::GetTickCount64() + patience_ms;
  while (open_handles() > expected) {
    if (::GetTickCount64() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(SpawnFailure, leaves_nothing_behind) {
  const Directory directory;
  std::ofstream(fs::path(to_wide(directory.file("no.exe"), "test"))) << "no program";
  SpawnOptions options{.argv = {directory.file("no.exe")},
                       .in = Stdio::pipe(),
                       .out = Stdio::pipe(),
                       .err = Stdio::pipe()};
  const auto fail = [&options] {
    std::error_code ec;
    EXPECT_EQ(spawn(options, ec).pid, -1);
    EXPECT_TRUE(ec);
  };
  fail();  // what Windows and the runtime open once and keep
  const DWORD before = open_handles();
  for (int i = 0; i < 50; ++i) fail();
  EXPECT_TRUE(handles_become(before)) << open_handles() << " open, not " << before;
}

TEST(Spawn, leaves_nothing_behind_when_the_child_is_gone) {
  const auto run = [] {
    SpawnOptions options = reporter({"copy"});
    options.in = options.out = options.err = Stdio::pipe();
    Child child = spawn(options);
    child.in.reset();
    EXPECT_EQ(wait_child(child), 0);
  };
  run();
  const DWORD before = open_handles();
  for (int i = 0; i < 10; ++i) run();
  EXPECT_TRUE(handles_become(before)) << open_handles() << " open, not " << before;
}

TEST(Spawn, a_child_with_a_death_signal_dies_with_its_parent) {
  SpawnOptions options = reporter({"abandon"});
  options.out = Stdio::pipe();
  Child child = spawn(options);
  EXPECT_EQ(wait_child(child), 0);
  EXPECT_EQ(read_all(child.out.get()), "");  // when the other has ended as well
}

}  // namespace
}  // namespace tornado::test
