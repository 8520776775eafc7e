// SPDX-License-Identifier: Apache-2.0
// Workers take items from a queue, and a producer waits while the queue is full.
#include <iostream>
#include <string>

#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/queues.h"
#include "tornado/task_group.h"

using tornado::Task;

// A call that blocks, or computes for long, has a thread of its own.
int square(int number) {
  return number * number;
}

Task<> worker(tornado::Queue<int>& items, int& sum) {
  for (;;) {
    const int item = co_await items.get();
    sum += co_await tornado::run_in_executor(square, item);
    items.task_done();
  }
}

Task<> work() {
  tornado::Queue<int> items(2);  // put() waits while two are there
  int sum = 0;
  tornado::TaskGroup workers;  // its tasks end with it
  for (int i = 0; i < 3; ++i) workers.start(worker(items, sum));
  for (int item = 1; item <= 10; ++item) co_await items.put(item);
  co_await items.join();
  std::cout << "sum " << sum << std::endl;
}

int main() {
  tornado::IOLoop loop;
  loop.run_sync(work());
}
