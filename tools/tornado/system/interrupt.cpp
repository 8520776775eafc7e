// SPDX-License-Identifier: Apache-2.0
#include "system/interrupt.h"

#include <atomic>

namespace tornado::cli {
namespace {

std::atomic<bool> noted{false};
std::atomic<IOLoop*> loop_to_stop{nullptr};

extern "C" void note_interrupt(int) {
  noted = true;
  if (IOLoop* loop = loop_to_stop) loop->stop();
}

}  // namespace

bool interrupted() noexcept {
  return noted;
}

CatchInterrupts::CatchInterrupts() : before_() {
  struct sigaction action = {};
  action.sa_handler = note_interrupt;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  ::sigaction(SIGINT, nullptr, &before_);
  // Started in the background of a script: the signal is not meant for us.
  if (before_.sa_handler != SIG_IGN) ::sigaction(SIGINT, &action, nullptr);
}

CatchInterrupts::~CatchInterrupts() {
  ::sigaction(SIGINT, &before_, nullptr);
}

StopOnInterrupt::StopOnInterrupt(IOLoop& loop) noexcept {
  loop_to_stop = &loop;
  if (noted) loop.stop();
}

StopOnInterrupt::~StopOnInterrupt() {
  loop_to_stop = nullptr;
}

}  // namespace tornado::cli
