// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Names to addresses.

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tornado/address.h"
#include "tornado/task.h"

namespace tornado {

/// Looks names up. Implement it for another source of names.
class TORNADO_API Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;

  Resolver() noexcept = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;

  /// The addresses of `host` with `port`, the best first; at least one. Throws
  /// std::system_error of resolver_category() or of the system. A cancelled task does
  /// not wait for the answer.
  [[nodiscard]] virtual Task<Addresses> resolve(
      std::string host, std::uint16_t port,
      AddressFamily family = AddressFamily::any) = 0;

  /// The resolver of the process: a ThreadedResolver that is never destroyed.
  [[nodiscard]] static Resolver& standard();
};

/// Asks the system's getaddrinfo, on threads that do nothing else. An address that is
/// written as one is answered at once, without a thread.
///
/// A cancelled task does not wait for an answer that does not come. Nor does the end of
/// the resolver or of the program. Questions that are alike share one answer.
/// Thread-safe: loops may share one. A forked child has threads of its own.
class TORNADO_API ThreadedResolver final : public Resolver {
 public:
  /// `threads` is how many lookups run at a time. A thread that has nothing to do for
  /// ten seconds ends. More than `most_waiting` questions that wait for a thread are
  /// refused with std::errc::resource_unavailable_try_again.
  explicit ThreadedResolver(std::size_t threads = 4, std::size_t most_waiting = 1024);
  ~ThreadedResolver() override;

  [[nodiscard]] Task<Addresses> resolve(
      std::string host, std::uint16_t port,
      AddressFamily family = AddressFamily::any) override;

 private:
  struct State;
  std::shared_ptr<State> state();

  const std::size_t threads_;
  const std::size_t most_waiting_;
  std::atomic<std::shared_ptr<State>*> state_;
};

/// Answers from a table first, and asks another resolver with what it finds there.
class TORNADO_API OverrideResolver final : public Resolver {
 public:
  struct Target {
    std::string host;
    std::optional<std::uint16_t> port = {};  ///< nothing: the port that was asked for
  };

  /// `inner` must outlive this.
  explicit OverrideResolver(Resolver& inner) noexcept : inner_(inner) {}

  /// For `host`; with `port` or `family` only for questions with these. The entry that
  /// names most wins.
  void add(std::string host, Target target, std::optional<std::uint16_t> port = {},
           AddressFamily family = AddressFamily::any);

  [[nodiscard]] Task<Addresses> resolve(
      std::string host, std::uint16_t port,
      AddressFamily family = AddressFamily::any) override;

 private:
  struct Question {
    std::string host;
    std::optional<std::uint16_t> port;
    AddressFamily family;
    auto operator<=>(const Question&) const = default;
  };

  Resolver& inner_;
  std::map<Question, Target> table_;
};

}  // namespace tornado
