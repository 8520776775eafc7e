// SPDX-License-Identifier: Apache-2.0
#include "system/worker.h"

#include <csignal>
#include <utility>

namespace tornado::cli {
namespace {

class BlockAllSignals {
 public:
  BlockAllSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockAllSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockAllSignals(const BlockAllSignals&) = delete;
  BlockAllSignals& operator=(const BlockAllSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Worker::Worker(std::function<void()> work) {
  const BlockAllSignals block;  // a thread starts with its maker's mask
  thread_ = std::thread(std::move(work));
}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace tornado::cli
