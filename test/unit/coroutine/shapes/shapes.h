// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <span>
#include <string>
#include <utility>

#include "tornado/gen.h"

namespace tornado::test {

/// Knows which of its kind live, and counts destructions of those that do not.
class Tracked {
 public:
  Tracked() { born(); }
  explicit Tracked(int number) : number_(number) { born(); }
  Tracked(const Tracked& other) : number_(other.number_) { born(); }
  Tracked(Tracked&& other) noexcept : number_(other.number_) { born(); }
  Tracked& operator=(const Tracked&) = default;
  Tracked& operator=(Tracked&&) = default;
  ~Tracked() {
    if (live.erase(this) == 0) ++wrong;
  }
  [[nodiscard]] int number() const { return number_; }

  static inline std::set<const void*> live;
  static inline int wrong = 0;

 private:
  void born() {
    if (!live.insert(this).second) ++wrong;
  }
  int number_ = 0;
};

/// An aggregate with a destructor.
struct Options {
  Tracked name;
  int size = 0;
};
struct Two {
  Tracked first;
  Tracked second;
};
/// The same with a constructor.
class Settings {
 public:
  explicit Settings(Tracked name) : name_(std::move(name)) {}
  [[nodiscard]] const Tracked& name() const { return name_; }

 private:
  Tracked name_;
};

struct Thrown {};

/// The suspensions of a shape: each may throw.
struct Steps {
  static inline int taken = 0;
  static inline int throw_at = 0;
};
inline Task<int> step(int result = 1) {
  const int mine = ++Steps::taken;
  co_await moment();
  if (mine == Steps::throw_at) throw Thrown();
  co_return result;
}
inline Task<bool> flag(bool value) {
  const int result = co_await step();
  co_return value&& result != 0;
}
inline Task<Tracked> made(int number = 1) {
  co_return Tracked(co_await step(number));
}

struct Shape {
  const char* name;
  Task<> (*make)();
};
std::span<const Shape> right_shapes();
std::span<const Shape> wrong_shapes();

}  // namespace tornado::test
