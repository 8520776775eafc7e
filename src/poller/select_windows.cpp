// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

/// An fd_set, which on Windows is a count and a list, as long as it has to be.
class SocketList {
 public:
  SocketList() { clear(); }
  void clear() { words_.assign(1, 0); }
  void push(NativeFd fd) {
    words_.push_back(fd);
    ++set()->fd_count;
  }
  fd_set* set() noexcept { return reinterpret_cast<fd_set*>(words_.data()); }
  fd_set* get() noexcept { return set()->fd_count == 0 ? nullptr : set(); }
  template <class F>
  void for_each(F f) {
    for (u_int i = 0; i < set()->fd_count; ++i) f(words_[i + 1]);
  }

 private:
  static_assert(offsetof(fd_set, fd_array) == sizeof(NativeFd));
  std::vector<NativeFd> words_;  // the count, and the list
};

class Select final : public Poller {
 public:
  PollerKind kind() const noexcept override { return PollerKind::select; }
  Events modes() const noexcept override { return Events::none; }
  bool supports(Events events) const noexcept override {
    // select() reports an error by the bits of reading and writing.
    return has(events, Events::read | Events::write) && Poller::supports(events);
  }

  void add(NativeFd fd, Events events, Token token) override {
    put("select add", fd, events, token);
  }
  void modify(NativeFd fd, Events events, Token token) override {
    put("select modify", fd, events, token);
  }
  void remove(NativeFd fd) noexcept override { entries_.erase(fd); }

  std::span<const Ready> wait(std::chrono::nanoseconds timeout) override {
    ready_.clear();
    if (entries_.empty()) {
      ::Sleep(static_cast<DWORD>(to_milliseconds(timeout)));  // -1 is INFINITE
      return ready_;
    }
    list_interest();
    const int whole = to_milliseconds(timeout);
    timeval time{whole / 1000, whole % 1000 * 1000};
    const int n = ::select(0, read_.get(), write_.get(), failed_.get(),
                           whole < 0 ? nullptr : &time);
    if (n > 0) {
      collect();
    } else if (n == SOCKET_ERROR && ::WSAGetLastError() == WSAENOTSOCK) {
      std::erase_if(entries_, [](const auto& one) { return !is_socket(one.first); });
    } else if (n == SOCKET_ERROR) {
      throw_windows_error("select");
    }
    return ready_;
  }

 private:
  struct Entry {
    Token token;
    Events interest;
    Events found;
  };

  void put(const char* act, NativeFd fd, Events events, Token token) {
    check(act, fd, events);
    check_socket(act, fd);
    entries_.insert_or_assign(fd, Entry{token, events, Events::none});
  }

  void list_interest() {
    for (SocketList* list : {&read_, &write_, &failed_}) list->clear();
    for (const auto& [fd, entry] : entries_) {
      if (has(entry.interest, Events::read)) read_.push(fd);
      if (has(entry.interest, Events::write)) write_.push(fd);
      failed_.push(fd);  // a connection that was refused
    }
  }

  void collect() {
    const auto note = [this](SocketList& list, Events event) {
      list.for_each([&](NativeFd fd) { entries_.at(fd).found |= event; });
    };
    if (read_.get()) note(read_, Events::read);
    if (write_.get()) note(write_, Events::write);
    if (failed_.get()) note(failed_, Events::error);
    for (auto& [fd, entry] : entries_) {
      if (entry.found != Events::none) ready_.push_back({entry.token, entry.found});
      entry.found = Events::none;
    }
  }

  std::map<NativeFd, Entry> entries_;
  SocketList read_;
  SocketList write_;
  SocketList failed_;
  std::vector<Ready> ready_;
};

}  // namespace

const PollerBackend select_backend = {
    PollerKind::select, "select",
    []() -> std::unique_ptr<Poller> { return std::make_unique<Select>(); }};

}  // namespace tornado
