// SPDX-License-Identifier: Apache-2.0
// The handler table beside maps of what it must hold.
#include <map>
#include <memory>
#include <set>

#include "fuzz/check.h"
#include "fuzz/input.h"
#include "loop/handler_table.h"

namespace tornado::fuzz {
namespace {

class Beside {
 public:
  void step(Input& input) {
    const unsigned what = input.below(8);
    const auto fd =
        static_cast<NativeFd>(input.flag() ? input.below(4) : input.byte() * 5);
    if (what < 4) {
      add(fd);
    } else if (what < 7) {
      remove(fd);
    } else {
      reclaim();
    }
    look(fd);
  }

  void finish() {
    std::map<NativeFd, Token> found;
    table_.for_each([&](auto& entry) { found[entry.fd] = table_.token(entry); });
    FUZZ_CHECK(found == live_);
  }

 private:
  void add(NativeFd fd) {
    if (live_.contains(fd)) return;
    auto handler = [held = alive_](NativeFd, Events) {};
    const Token token =
        table_.token(table_.add(fd, std::move(handler), Events::read, {}));
    FUZZ_CHECK(given_.insert(token).second);
    live_[fd] = token;
  }

  void remove(NativeFd fd) {
    const auto at = live_.find(fd);
    if (at == live_.end()) return;
    HandlerTable::Entry* entry = table_.find_token(at->second);
    FUZZ_CHECK(entry && entry->fd == fd);
    table_.remove(*entry);
    removed_.insert(at->second);
    live_.erase(at);
  }

  void reclaim() {
    table_.reclaim();
    for (const Token token : removed_) FUZZ_CHECK(!table_.knows_token(token));
    removed_.clear();
  }

  void look(NativeFd fd) {
    const auto at = live_.find(fd);
    HandlerTable::Entry* entry = table_.find(fd);
    FUZZ_CHECK((entry != nullptr) == (at != live_.end()));
    FUZZ_CHECK(!entry || table_.token(*entry) == at->second);
    FUZZ_CHECK(table_.size() == live_.size());
    for (const Token token : removed_) {
      FUZZ_CHECK(table_.knows_token(token) && !table_.find_token(token));
    }
    // Each handler lives until it is reclaimed, and no longer.
    const auto handlers = static_cast<std::size_t>(alive_.use_count() - 1);
    FUZZ_CHECK(handlers == live_.size() + removed_.size());
  }

  std::shared_ptr<int> alive_ = std::make_shared<int>();
  HandlerTable table_;
  std::map<NativeFd, Token> live_;
  std::set<Token> removed_, given_;
};

}  // namespace
}  // namespace tornado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tornado::fuzz::Input input(data, size);
  tornado::fuzz::Beside beside;
  while (!input.empty()) beside.step(input);
  beside.finish();
  return 0;
}
