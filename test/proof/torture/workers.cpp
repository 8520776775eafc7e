// SPDX-License-Identifier: Apache-2.0
#include "workers.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>

#include "testing/fault_calls.h"
#include "testing/fault_ledger.h"

namespace tornado::torture {
namespace {

/// Memory that forked children write and the parent reads.
template <class T>
class Shared {
 public:
  explicit Shared(std::size_t count) : bytes_(count * sizeof(T)) {
    void* const at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<T*>(at);
    std::uninitialized_value_construct_n(begin_, count);
  }
  ~Shared() { ::munmap(begin_, bytes_); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator[](std::size_t i) { return begin_[i]; }

 private:
  std::size_t bytes_;
  T* begin_;
};

/// In one piece, so that workers do not write into each other's lines.
void print(const std::string& line) {
  [[maybe_unused]] const auto written =
      ::write(STDOUT_FILENO, line.data(), line.size());
}

/// Calls `work(i)` for each i < `count`, in some process.
template <class F>
void share_out(std::size_t count, unsigned jobs, F work) {
  Shared<std::atomic<std::size_t>> next(1);
  std::vector<pid_t> workers;
  for (unsigned i = 0; i < jobs; ++i) {
    const pid_t pid = ::fork();
    if (pid == -1) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid == 0) {
      faults::open_ledger();
      for (std::size_t at; (at = next[0].fetch_add(1)) < count;) work(at);
      ::_exit(0);
    }
    workers.push_back(pid);
  }
  for (const pid_t pid : workers) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) throw std::runtime_error("a worker died");
  }
}

}  // namespace

Tally run_all(const std::vector<Trial>& trials, unsigned jobs) {
  struct Counts {
    std::atomic<std::size_t> verdicts[verdict_count];
    std::atomic<std::size_t> bad;
  };
  Shared<Counts> shared(1);
  share_out(trials.size(), jobs, [&](std::size_t i) {
    const Judgement judgement = judge(trials[i]);
    ++shared[0].verdicts[judgement.verdict];
    if (!judgement.bad) return;
    ++shared[0].bad;
    print(std::string(name_of(judgement.verdict)) + ": " + to_string(trials[i]) + ": " +
          judgement.text + "\n");
  });
  Tally tally;
  for (std::size_t i = 0; i < verdict_count; ++i) {
    tally.verdicts[i] = shared[0].verdicts[i];
  }
  tally.bad = shared[0].bad;
  return tally;
}

std::vector<std::vector<std::uint32_t>> count_calls(
    const std::vector<Scenario>& scenarios, unsigned jobs, std::size_t& bad) {
  Shared<std::uint32_t> counts(scenarios.size() * faults::calls.size());
  Shared<std::atomic<std::size_t>> failures(1);
  share_out(scenarios.size(), jobs, [&](std::size_t i) {
    const Judgement judgement = judge({&scenarios[i], {}, {}});
    for (std::size_t call = 0; call < faults::calls.size(); ++call) {
      counts[i * faults::calls.size() + call] = faults::counted(call);
    }
    if (judgement.verdict == right) return;
    ++failures[0];
    print(scenarios[i].name + ": " + name_of(judgement.verdict) +
          " without a fault: " + judgement.text + "\n");
  });
  bad += failures[0];
  std::vector<std::vector<std::uint32_t>> result(scenarios.size());
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    const std::uint32_t* const from = &counts[i * faults::calls.size()];
    result[i].assign(from, from + faults::calls.size());
  }
  return result;
}

}  // namespace tornado::torture
