// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "process/reported.h"
#include "support/child.h"
#include "support/limits.h"
#include "tornado/fd.h"
#include "tornado/platform.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

UniqueFd named_memory(const std::string& name) {
  return UniqueFd(::memfd_create(name.c_str(), MFD_CLOEXEC));
}

std::string target_of(const Reported& report, int fd) {
  const Descriptor* descriptor = find(report.descriptors, fd);
  return descriptor ? descriptor->target : "closed";
}

void write_text(int fd, const std::string& text) {
  ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(SpawnStdio, pipes_carry_bytes_and_end_of_file) {
  Child child = spawn({.shell = "cat; echo problem >&2",
                       .in = Stdio::pipe(),
                       .out = Stdio::pipe(),
                       .err = Stdio::pipe()});
  write_text(child.in.get(), "through");
  child.in.reset();
  EXPECT_EQ(read_to_end(child.out.get()), "through");
  EXPECT_EQ(read_to_end(child.err.get()), "problem\n");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, pipes_block_for_the_child_alone) {
  SpawnOptions options{.in = Stdio::pipe(), .out = Stdio::pipe(), .err = Stdio::pipe()};
  RunningReporter reporter(options);
  const Child& child = reporter.child();
  for (const UniqueFd* end : {&child.in, &child.out, &child.err}) {
    EXPECT_TRUE(is_nonblocking(end->get()));
    EXPECT_TRUE(is_close_exec(end->get()));
  }
  for (const Descriptor& descriptor : reporter.finish().descriptors) {
    EXPECT_EQ(descriptor.kind, "pipe");
    EXPECT_FALSE(descriptor.status_flags & O_NONBLOCK) << descriptor;
  }
}

TEST(SpawnStdio, null_is_the_null_device) {
  const Reported report = report_of({.in = Stdio::null(), .out = Stdio::null()});
  EXPECT_EQ(target_of(report, 0), "/dev/null");
  EXPECT_EQ(target_of(report, 1), "/dev/null");
}

TEST(SpawnStdio, files_and_the_null_device_block_unless_asked) {
  const Reported report =
      report_of({.in = Stdio::null(),
                 .out = Stdio::file("/dev/null", O_WRONLY),
                 .err = Stdio::file("/dev/null", O_WRONLY | O_NONBLOCK)});
  ASSERT_EQ(report.numbers(), (std::vector<int>{0, 1, 2}));
  EXPECT_FALSE(report.descriptors[0].status_flags & O_NONBLOCK);
  EXPECT_FALSE(report.descriptors[1].status_flags & O_NONBLOCK);
  EXPECT_TRUE(report.descriptors[2].status_flags & O_NONBLOCK);
}

TEST(SpawnStdio, files_are_opened_with_flags_and_mode) {
  const std::string path =
      testing::TempDir() + "spawn_stdio_" + std::to_string(::getpid());
  Child child =
      spawn({.shell = "echo one", .out = Stdio::file(path, O_WRONLY | O_CREAT, 0600)});
  EXPECT_EQ(wait_child(child), 0);
  child = spawn({.shell = "echo two", .out = Stdio::file(path, O_WRONLY | O_APPEND)});
  EXPECT_EQ(wait_child(child), 0);
  struct stat status;
  ::stat(path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  child =
      spawn({.shell = "cat", .in = Stdio::file(path, O_RDONLY), .out = Stdio::pipe()});
  EXPECT_EQ(read_to_end(child.out.get()), "one\ntwo\n");
  EXPECT_EQ(wait_child(child), 0);
  ::unlink(path.c_str());
}

TEST(SpawnStdio, a_fifo_without_a_reader_is_an_error_at_once) {
  const std::string path =
      testing::TempDir() + "spawn_fifo_" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::error_code ec;
  (void)spawn({.argv = {"true"}, .out = Stdio::file(path, O_WRONLY)}, ec);
  EXPECT_EQ(ec.value(), ENXIO);
  ::unlink(path.c_str());
}

TEST(SpawnStdio, stderr_goes_where_stdout_goes) {
  Child child = spawn({.shell = "echo 1; echo 2 >&2; echo 3",
                       .out = Stdio::pipe(),
                       .err = Stdio::as_stdout()});
  EXPECT_FALSE(child.err);
  EXPECT_EQ(read_to_end(child.out.get()), "1\n2\n3\n");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(SpawnStdio, a_given_descriptor_stays_the_callers) {
  const UniqueFd memory = named_memory("given");
  Child child = spawn({.shell = "echo x", .out = Stdio::descriptor(memory.get())});
  EXPECT_EQ(wait_child(child), 0);
  EXPECT_EQ(::lseek(memory.get(), 0, SEEK_CUR), 2);
  EXPECT_TRUE(is_close_exec(memory.get()));
}

TEST(SpawnStdio, maps_descriptors_by_number_and_closes_the_gaps) {
  const UniqueFd a = named_memory("a");
  const UniqueFd b = named_memory("b");
  const Reported report =
      report_of({.descriptors = {{5, a.get()}, {7, b.get()}, {100, a.get()}}});
  EXPECT_EQ(report.numbers(), (std::vector<int>{0, 1, 2, 5, 7, 100}));
  EXPECT_EQ(target_of(report, 5), "/memfd:a (deleted)");
  EXPECT_EQ(target_of(report, 7), "/memfd:b (deleted)");
  EXPECT_EQ(target_of(report, 100), "/memfd:a (deleted)");
}

TEST(SpawnStdio, a_descriptor_may_keep_its_number) {
  const UniqueFd memory = named_memory("same");
  const Reported report =
      report_of({.descriptors = {{memory.get(), memory.get()}}}, 99);
  EXPECT_EQ(target_of(report, memory.get()), "/memfd:same (deleted)");
  EXPECT_TRUE(is_close_exec(memory.get()));
}

TEST(SpawnStdio, descriptors_may_change_places) {
  std::vector<UniqueFd> memories;
  SpawnOptions options;
  for (int i = 0; i < 6; ++i) memories.push_back(named_memory(std::to_string(i)));
  for (std::size_t i = 0; i < 6; ++i) {  // a circle of four, and one of two
    const std::size_t from = i < 4 ? (i + 1) % 4 : 9 - i;
    options.descriptors.push_back({memories[i].get(), memories[from].get()});
  }
  const Reported report = report_of(options, 99);
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t from = i < 4 ? (i + 1) % 4 : 9 - i;
    EXPECT_EQ(target_of(report, memories[i].get()),
              "/memfd:" + std::to_string(from) + " (deleted)");
  }
  EXPECT_EQ(report.descriptors.size(), 9u);
}

// Each of the child's streams from each of the parent's 0, 1, 2 and three others.
TEST(SpawnStdio, all_216_mappings_among_the_streams_come_out_right) {
  EXPECT_TRUE(passes_in_child([] {
    std::array<int, 6> source = {0, 1, 2, 10, 11, 12};
    for (const int fd : source) {
      const UniqueFd memory = named_memory("from" + std::to_string(fd));
      const UniqueFd high(::fcntl(memory.get(), F_DUPFD_CLOEXEC, 50));
      ASSERT_EQ(::dup3(high.get(), fd, O_CLOEXEC), fd);
    }
    for (int choice = 0; choice < 216; ++choice) {
      const std::array<int, 3> from = {source[static_cast<unsigned>(choice % 6)],
                                       source[static_cast<unsigned>(choice / 6 % 6)],
                                       source[static_cast<unsigned>(choice / 36)]};
      const Reported report = report_of({.in = Stdio::descriptor(from[0]),
                                         .out = Stdio::descriptor(from[1]),
                                         .err = Stdio::descriptor(from[2])});
      EXPECT_EQ(report.descriptors.size(), 3u);
      for (int fd = 0; fd < 3; ++fd) {
        EXPECT_EQ(target_of(report, fd),
                  "/memfd:from" + std::to_string(from[static_cast<unsigned>(fd)]) +
                      " (deleted)")
            << "mapping " << from[0] << ' ' << from[1] << ' ' << from[2];
      }
    }
  }));
}

TEST(SpawnStdio, inherited_ones_lead_where_the_parents_do) {
  EXPECT_TRUE(passes_in_child([] {
    for (int fd = 0; fd < 3; ++fd) {
      ASSERT_EQ(::dup2(named_memory("stream" + std::to_string(fd)).get(), fd), fd);
    }
    const Reported report = report_of(
        {.in = Stdio::inherit(), .out = Stdio::null(), .err = Stdio::inherit()});
    EXPECT_EQ(target_of(report, 0), "/memfd:stream0 (deleted)");
    EXPECT_EQ(target_of(report, 1), "/dev/null");
    EXPECT_EQ(target_of(report, 2), "/memfd:stream2 (deleted)");
  }));
}

// With each subset of the parent's streams closed, the child has all three.
TEST(SpawnStdio, closed_streams_are_inherited_as_null) {
  for (int closed = 1; closed < 8; ++closed) {
    EXPECT_TRUE(passes_in_child([closed] {
      for (int fd = 0; fd < 3; ++fd) {
        if (closed & (1 << fd)) ::close(fd);
      }
      const Reported report = report_of({});
      EXPECT_EQ(report.numbers(), (std::vector<int>{0, 1, 2}));
      for (int fd = 0; fd < 3; ++fd) {
        if (closed & (1 << fd)) {
          EXPECT_EQ(target_of(report, fd), "/dev/null");
        }
      }
      Child child = spawn({.shell = "cat", .in = Stdio::pipe(), .out = Stdio::pipe()});
      if (child.process) {
        EXPECT_GT(child.process.get(), 2);
      }
      write_text(child.in.get(), "x");
      child.in.reset();
      EXPECT_EQ(read_to_end(child.out.get()), "x");
      EXPECT_EQ(wait_child(child), 0);
      EXPECT_GT(child.out.get(), 2);
    })) << closed;
  }
}

TEST(SpawnStdio, more_high_descriptors_than_there_are_slots_come_out_right) {
  const UniqueFd memory = named_memory("high");
  std::vector<UniqueFd> high;
  SpawnOptions options;
  for (int i = 0; i < 5; ++i) {
    high.emplace_back(::fcntl(memory.get(), F_DUPFD_CLOEXEC, 100));
    options.descriptors.push_back({10 + i, high.back().get()});
  }
  const Reported report = report_of(options);
  EXPECT_EQ(report.numbers(), (std::vector<int>{0, 1, 2, 10, 11, 12, 13, 14}));
  for (int fd = 10; fd < 15; ++fd) {
    EXPECT_EQ(target_of(report, fd), "/memfd:high (deleted)");
  }
}

TEST(SpawnStdio, descriptors_below_the_slots_come_out_right) {
  EXPECT_TRUE(passes_in_child([] {
    std::vector<UniqueFd> filling;
    while (filling.empty() || filling.back().get() < 200) {
      filling.push_back(named_memory("filling"));
    }
    reserve_descriptors_for_spawn();
    const UniqueFd memory = named_memory("given");
    ASSERT_EQ(::dup3(memory.get(), 70, O_CLOEXEC), 70);
    const Reported report = report_of({.descriptors = {{5, 70}}});
    EXPECT_EQ(target_of(report, 5), "/memfd:given (deleted)");
  }));
}

// The pipes' ends lie behind a thousand others, then, and go through low numbers.
TEST(SpawnStdio, pipes_behind_many_descriptors_come_out_right) {
  reserve_descriptors_for_spawn();
  const std::set<int> before = open_numbers();
  {
    std::vector<UniqueFd> many;
    for (int i = 0; i < 500; ++i) many.push_back(named_memory("many"));
    for (int round = 0; round < 3; ++round) {
      const Reported report = report_of({.in = Stdio::pipe(),
                                         .out = Stdio::pipe(),
                                         .err = Stdio::pipe(),
                                         .descriptors = {{4, many.back().get()}}});
      EXPECT_EQ(report.numbers(), (std::vector<int>{0, 1, 2, 4}));
      EXPECT_EQ(find(report.descriptors, 1)->kind, "pipe");
    }
  }
  EXPECT_EQ(open_numbers(), before);
}

}  // namespace
}  // namespace tornado::test
