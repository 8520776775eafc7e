// SPDX-License-Identifier: Apache-2.0
// Threads do the work, the loop gathers the results, and nobody needs a lock. A handle
// may outlive its loop: a post that comes too late is refused, not lost in silence.

#include <tornado/tornado.h>

#include <cstdint>
#include <iostream>
#include <thread>
#include <vector>

namespace {

constexpr int threads = 4;
constexpr std::uint64_t numbers_each = 250'000;
constexpr std::uint64_t posts_each = 100;

struct Tally {
  std::uint64_t sum = 0;
  int posts = 0;
};

// Sums its share of 1, 2, 3, ... piece by piece, and posts each piece.
void work(std::uint64_t share, const tornado::LoopHandle& loop, Tally& tally) {
  constexpr std::uint64_t piece = numbers_each / posts_each;
  for (std::uint64_t post = 0; post < posts_each; ++post) {
    const std::uint64_t first = share * numbers_each + post * piece + 1;
    std::uint64_t sum = 0;
    for (std::uint64_t n = first; n < first + piece; ++n) sum += n;
    loop.add_callback([&tally, sum, stop = loop] {  // runs on the loop's thread
      tally.sum += sum;
      if (++tally.posts == threads * static_cast<int>(posts_each)) stop.stop();
    });
  }
}

}  // namespace

int main() {
  Tally tally;
  tornado::LoopHandle handle;
  {
    tornado::IOLoop loop;
    handle = loop.handle();
    std::vector<std::thread> workers;
    for (std::uint64_t share = 0; share < threads; ++share) {
      workers.emplace_back([&, share] { work(share, loop.handle(), tally); });
    }
    loop.start();
    for (std::thread& worker : workers) worker.join();
  }
  std::cout << tally.posts << " results from " << threads << " threads, sum "
            << tally.sum << "\n";
  const bool accepted = handle.add_callback([] {});
  std::cout << "a post to the closed loop: " << (accepted ? "accepted" : "refused")
            << "\n";
}
