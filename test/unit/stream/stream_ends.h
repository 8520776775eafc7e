// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "platform/tcp_pair.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/gen.h"
#include "tornado/iostream.h"
#include "tornado/task_group.h"
#if defined(TORNADO_TLS_ENDS)
#include "tls_ends.h"
#endif

namespace tornado::test {

using namespace std::chrono_literals;

/// Runs a test that is a task.
template <class F>
void run_on(IOLoop& loop, F body) {
  constexpr auto run = [](F function) -> Task<void> { co_await function(); };
  loop.run_sync(run(std::move(body)), patience);
}

/// What connects the two ends of a test.
enum class Link { tcp, local, pipe, tls1_2, tls1_3 };

/// How a test waits for the operations of a stream.
enum class Form { task, callback };
inline Form form_of_test = Form::task;

/// The result of an operation of a stream, in the form of the test that runs.
template <class Wait>
Task<decltype(std::declval<Wait>().result())> in_form(Wait wait) {
  using T = decltype(wait.result());
  if (form_of_test == Form::task) co_return co_await wait;
  const auto begin = [&wait](const Completion<T>& completion) {
    std::move(wait).call([completion](Result<T> result) {
      if (!result) {
        completion.set_exception(result.exception());
      } else if constexpr (std::is_void_v<T>) {
        completion.set_value();
      } else {
        completion.set_value(result.get());
      }
    });
  };
  co_return co_await until<T>(begin);
}
template <class T>
Task<T> in_form(Task<T> task) {
  return task;
}

/// A loop of each poller, and two connected streams of each kind. Each test is a task.
class StreamEnds : public testing::TestWithParam<std::tuple<Link, PollerKind, Form>> {
 public:
  static std::string name(const testing::TestParamInfo<ParamType>& info) {
    constexpr const char* links[] = {"tcp", "local", "pipe", "tls1_2", "tls1_3"};
    return std::string(links[static_cast<int>(std::get<0>(info.param))]) + "_" +
           std::string(to_string(std::get<1>(info.param))) +
           (std::get<2>(info.param) == Form::callback ? "_callback" : "");
  }
  static auto each(std::vector<Link> links = {Link::tcp, Link::local, Link::pipe},
                   std::vector<Form> forms = {Form::task}) {
    return testing::Combine(testing::ValuesIn(links),
                            testing::ValuesIn(working_poller_kinds()),
                            testing::ValuesIn(forms));
  }
  static auto each_in_both_forms() {
    return each({Link::tcp, Link::local, Link::pipe}, {Form::task, Form::callback});
  }
  /// None in a build without TLS.
  static auto each_over_tls(std::vector<Form> forms = {Form::task}) {
#if defined(TORNADO_TLS_ENDS)
    return each({Link::tls1_2, Link::tls1_3}, std::move(forms));
#else
    return each({}, std::move(forms));
#endif
  }

 protected:
  StreamEnds() {
    form_of_test = std::get<2>(GetParam());
  }

  /// A pipe goes one way only.
  [[nodiscard]] static bool both_ways() {
    return std::get<0>(GetParam()) != Link::pipe;
  }

  [[nodiscard]] static bool over_tcp() {
    const Link link = std::get<0>(GetParam());
    return link != Link::local && link != Link::pipe;
  }
  [[nodiscard]] static bool over_tls() {
    return over_tcp() && std::get<0>(GetParam()) != Link::tcp;
  }

  /// `first` reads what `second` writes.
  void connect(const StreamOptions& options = {}) {
    FdPair ends;
    switch (std::get<0>(GetParam())) {
      case Link::tcp:
        ends = open_tcp_pair();
        break;
      case Link::local:
        ends = make_socket_pair();
        break;
      case Link::pipe:
        ends = make_pipe();
        first = std::make_unique<PipeIOStream>(std::move(ends.first), loop, options);
        second = std::make_unique<PipeIOStream>(std::move(ends.second), loop, options);
        return;
      default:
        return connect_over_tls(options);
    }
    first = std::make_unique<IOStream>(std::move(ends.first), loop, options);
    second = std::make_unique<IOStream>(std::move(ends.second), loop, options);
  }

  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }

  void connect_over_tls([[maybe_unused]] const StreamOptions& options) {
#if defined(TORNADO_TLS_ENDS)
    const bool old = std::get<0>(GetParam()) == Link::tls1_2;
    auto ends =
        open_tls_pair(loop, options, old ? TLSVersion::tls1_2 : TLSVersion::tls1_3);
    first = std::make_unique<IOStream>(std::move(ends.first));
    second = std::make_unique<IOStream>(std::move(ends.second));
#endif
  }

  IOLoop loop{LoopOptions{.poller = std::get<1>(GetParam())}};
  std::unique_ptr<IOStream> first;
  std::unique_ptr<IOStream> second;
};

/// Writes until the kernel takes no more. The number of bytes.
inline std::size_t fill(IOStream& stream) {
  std::size_t written = 0;
  for (const std::string part(1 << 20, 'x'); !stream.writing();) {
    stream.write(part);
    written += part.size();
  }
  return written;
}

/// Other files, under numbers that were free.
class NumbersTaken {
 public:
  NumbersTaken() {
    for (FdPair& pair : pairs_) pair = make_socket_pair();
    taken_ = open_numbers();
  }
  [[nodiscard]] bool are_open() const { return open_numbers() == taken_; }

 private:
  std::array<FdPair, 16> pairs_;
  std::set<NativeFd> taken_;
};

/// How an operation ended: "" for a result, the real error of a StreamClosedError, or
/// what else was thrown.
template <class F>
Task<std::string> outcome_of(F act) {
  try {
    (void)co_await in_form(act());
  } catch (const StreamClosedError& error) {
    co_return error.real_error() ? "closed: " + error.real_error().message() : "closed";
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return std::string();
}

}  // namespace tornado::test
