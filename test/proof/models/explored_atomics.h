// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <relacy/atomic.hpp>
#include <relacy/base.hpp>
#include <relacy/context.hpp>
#include <relacy/context_base_impl.hpp>
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/event.hpp>
#include <relacy/stdlib/mutex.hpp>
#include <relacy/stdlib/semaphore.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/var.hpp>
#include <relacy/waitset.hpp>
#include <source_location>
#include <type_traits>

// <relacy/relacy.hpp> is not for us: it redefines the language's words with macros.

namespace tornado::test {

enum class Operation {
  load,
  store,
  exchange,
  compare_exchange,
  fetch_add,
  fetch_sub,
  fetch_or,
  fetch_and
};

/// What a mutant does instead of the operation that stands in the source.
enum class Fault {
  none,
  relaxed,     ///< the same, ordering nothing
  acquire,     ///< the same, without its release half
  release,     ///< the same, without its acquire half
  split,       ///< a load, then a store: two steps
  load_first,  ///< nothing, if a plain load in front finds the value there already
  blind        ///< a store, whatever is there
};

/// One fault in the compiled library: in which function, at which kind of operation.
struct Mutant {
  const char* name;
  const char* function;
  Operation operation;
  Fault fault;
};

inline const Mutant* mutant = nullptr;

/// Memory that the model checker explores: every interleaving, and for each load every
/// value that the C++ memory model allows.
struct ExploredAtomics {
  using At = std::source_location;

  template <class T>
  class Atomic {
   public:
    static constexpr bool is_always_lock_free = true;

    Atomic() : cell_(0) {}
    Atomic(T value) : cell_(raw(value)) {}  // NOLINT: as std::atomic

    T load(std::memory_order order, At at = At::current()) const {
      const auto fault = fault_at(Operation::load, at);
      return cooked(cell_.load(explored(order, fault), info(at)));
    }
    void store(T value, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::store, at);
      cell_.store(raw(value), explored(order, fault), info(at));
    }
    T exchange(T value, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::exchange, at);
      if (fault == Fault::load_first) {
        const Raw seen = cell_.load(rl::mo_relaxed, info(at));
        if (seen == raw(value)) return cooked(seen);
      }
      if (fault == Fault::split) {
        return in_two_steps(at, [&](Raw) { return raw(value); });
      }
      return cooked(cell_.exchange(raw(value), explored(order, fault), info(at)));
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order order,
                                 At at = At::current()) {
      const auto fault = fault_at(Operation::compare_exchange, at);
      Raw seen = raw(expected);
      bool done;
      if (fault == Fault::split) {
        const Raw wanted = seen;
        seen = cell_.load(rl::mo_acquire, info(at));
        done = seen == wanted;
        if (done) cell_.store(raw(desired), rl::mo_release, info(at));
      } else if (fault == Fault::blind) {
        cell_.exchange(raw(desired), rl::mo_acq_rel, info(at));
        done = true;
      } else {
        done = cell_.compare_exchange_strong(seen, raw(desired), explored(order, fault),
                                             info(at));
      }
      expected = cooked(seen);
      return done;
    }
    // The checker's own weak exchange fails without a reason whenever it can.
    bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                               std::memory_order, At at = At::current()) {
      return compare_exchange_weak(expected, desired, order, at);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                               At at = At::current()) {
      return compare_exchange_strong(expected, desired, order, at);
    }
    T fetch_add(T more, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::fetch_add, at);
      if (fault == Fault::split)
        return in_two_steps(at, [&](Raw r) { return r + raw(more); });
      return cooked(cell_.fetch_add(raw(more), explored(order, fault), info(at)));
    }
    T fetch_sub(T less, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::fetch_sub, at);
      if (fault == Fault::split)
        return in_two_steps(at, [&](Raw r) { return r - raw(less); });
      return cooked(cell_.fetch_sub(raw(less), explored(order, fault), info(at)));
    }
    T fetch_or(T bits, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::fetch_or, at);
      if (fault == Fault::split)
        return in_two_steps(at, [&](Raw r) { return r | raw(bits); });
      return cooked(cell_.fetch_or(raw(bits), explored(order, fault), info(at)));
    }

    T fetch_and(T bits, std::memory_order order, At at = At::current()) {
      const auto fault = fault_at(Operation::fetch_and, at);
      if (fault == Fault::split)
        return in_two_steps(at, [&](Raw r) { return r & raw(bits); });
      return cooked(cell_.fetch_and(raw(bits), explored(order, fault), info(at)));
    }

   private:
    using Raw = std::conditional_t<sizeof(T) <= 4, std::uint32_t, std::uint64_t>;

    static Raw raw(T value) {
      if constexpr (std::is_pointer_v<T>) {
        return reinterpret_cast<Raw>(value);
      } else {
        return static_cast<Raw>(value);
      }
    }
    static T cooked(Raw value) {
      if constexpr (std::is_pointer_v<T>) {
        return reinterpret_cast<T>(value);
      } else {
        return static_cast<T>(value);
      }
    }

    template <class F>
    T in_two_steps(At at, F f) {
      const Raw old = cell_.load(rl::mo_acquire, info(at));
      cell_.store(f(old), rl::mo_release, info(at));
      return cooked(old);
    }

    mutable rl::atomic<Raw> cell_;
  };

  template <class T>
  class NonAtomic {
   public:
    NonAtomic& operator=(const T& value) {
      touched_(info()) = 0;
      value_ = value;
      return *this;
    }
    operator T() const {  // NOLINT: as T
      (void)touched_(info()).load();
      return value_;
    }

   private:
    T value_{};
    mutable rl::var<int> touched_;
  };

  static void pause(unsigned) { rl::ctx().yield(1, info()); }

  static rl::debug_info info(At at = At::current()) {
    return {at.function_name(), at.file_name(), at.line()};
  }

 private:
  static Fault fault_at(Operation operation, At at) {
    if (!mutant || mutant->operation != operation) return Fault::none;
    return std::strstr(at.function_name(), mutant->function) ? mutant->fault
                                                             : Fault::none;
  }
  static rl::memory_order explored(std::memory_order order, Fault fault) {
    if (fault == Fault::relaxed) return rl::mo_relaxed;
    if (fault == Fault::acquire) return rl::mo_acquire;
    if (fault == Fault::release) return rl::mo_release;
    switch (order) {
      case std::memory_order_relaxed:
        return rl::mo_relaxed;
      case std::memory_order_consume:
        return rl::mo_consume;
      case std::memory_order_acquire:
        return rl::mo_acquire;
      case std::memory_order_release:
        return rl::mo_release;
      case std::memory_order_acq_rel:
        return rl::mo_acq_rel;
      case std::memory_order_seq_cst:
        return rl::mo_seq_cst;
    }
    return rl::mo_seq_cst;
  }
};

/// The waker's counters, and whose process it is: of no weight between the threads of
/// one process, so that the search does not spend itself on them.
template <>
class ExploredAtomics::Atomic<std::uint64_t> : public std::atomic<std::uint64_t> {
 public:
  using std::atomic<std::uint64_t>::atomic;
};

}  // namespace tornado::test
