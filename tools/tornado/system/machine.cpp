// SPDX-License-Identifier: Apache-2.0
#include "system/machine.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "system/worker.h"
#include "text/words.h"
#include "tornado/ioloop.h"
#include "tornado/log.h"

namespace tornado::cli {
namespace {

constexpr std::chrono::seconds wake_deadline{5};

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang++ {}.{}", __clang_major__, __clang_minor__);
#elif defined(__GNUC__)
  return fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__);
#else
  return "an unknown compiler";
#endif
}

std::string libc() {
#if defined(_CS_GNU_LIBC_VERSION)
  std::array<char, 64> text = {};
  if (::confstr(_CS_GNU_LIBC_VERSION, text.data(), text.size()) > 0) return text.data();
#endif
  return "a libc that does not say its version";
}

long usable_cpus() {
#if defined(CPU_COUNT)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return ::sysconf(_SC_NPROCESSORS_ONLN);
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

template <class Make>
Choice choose(const char* variable, Make make) {
  Choice choice;
  choice.variable = variable;
  if (const char* value = environment(variable)) choice.wanted = value;
  try {
    choice.name = make();
  } catch (const std::exception& error) {
    choice.error = error.what();
  }
  return choice;
}

/// What is tried here is reported here.
class Silence {
 public:
  Silence() : before_(set_log_sink([](LogLevel, std::string_view) noexcept {})) {}
  ~Silence() { set_log_sink(before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  LogSink before_;
};

}  // namespace

System this_system() {
  utsname name = {};
  ::uname(&name);
  std::string kernel = name.sysname;
  std::transform(kernel.begin(), kernel.end(), kernel.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return {kernel + " " + name.release, name.machine, libc(), compiler(), usable_cpus()};
}

std::string identity(const System& system) {
  return fmt::format("tornado {}  {} {}  {}", TORNADO_VERSION, system.kernel,
                     system.machine, system.compiler);
}

Trial try_loop(std::string name, const LoopOptions& options) {
  Trial trial{std::move(name), "", {}};
  const Silence silence;
  try {
    LoopOptions own = options;
    own.make_current = false;
    IOLoop loop(own);
    if (own.poller != PollerKind::best && loop.poller() != own.poller) {
      trial.error =
          fmt::format("forbidden, or not here: {} instead", to_string(loop.poller()));
      return trial;
    }
    std::optional<Worker> other;
    // Started by the loop, so that the loop is asleep, or about to be, when it posts.
    loop.add_callback([&] {
      try {
        other.emplace([handle = loop.handle(), &trial] {
          handle.add_callback([handle, &trial, sent = Clock::now()] {
            trial.woken_after = Clock::now() - sent;
            handle.stop();
          });
        });
      } catch (const std::system_error& error) {
        trial.error = "not tried: no thread can be made: " + error.code().message();
        loop.stop();
      }
    });
    bool late = false;
    loop.call_later(wake_deadline, [&] {
      late = true;
      loop.stop();
    });
    loop.start();
    if (late) trial.error = "a wake from another thread was not seen";
  } catch (const std::exception& error) {
    trial.error = error.what();
  }
  return trial;
}

std::string Choice::reason() const {
  if (!error.empty()) return error;
  if (!wanted.empty()) return fmt::format("{}={}", variable, wanted);
  return fmt::format("the first that works; {} is not set", variable);
}

std::optional<WakerKind> working_waker() {
  for (const WakerKind kind : waker_kinds()) {
    try {
      const Waker waker(kind);
      return kind;
    } catch (const std::system_error&) {
      // The doctor says which do not work, and why.
    }
  }
  return std::nullopt;
}

Choice default_poller() {
  return choose("TORNADO_POLLER", [] {
    LoopOptions options;
    // Of a kind, so that a bad TORNADO_WAKER is not taken for a bad poller.
    options.waker = working_waker().value_or(WakerKind::best);
    options.make_current = false;
    return std::string(to_string(IOLoop(options).poller()));
  });
}

Choice default_waker() {
  return choose("TORNADO_WAKER", [] { return std::string(to_string(Waker().kind())); });
}

}  // namespace tornado::cli
