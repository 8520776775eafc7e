// SPDX-License-Identifier: Apache-2.0
#include "run/writer.h"

#include <exception>
#include <utility>

#include "text/output.h"

namespace tornado::cli {

Writer::Writer(LoopHandle loop, News news)
    : loop_(std::move(loop)), news_(std::move(news)), worker_([this] { work(); }) {}

Writer::~Writer() {
  const std::scoped_lock lock(mutex_);
  ending_ = true;
  changed_.notify_one();
}

void Writer::put(int fd, std::string_view text) {
  if (text.empty()) return;
  const std::scoped_lock lock(mutex_);
  if (failed_) return;
  if (waiting_.empty() || waiting_.back().fd != fd) waiting_.push_back({fd, {}});
  waiting_.back().text += text;
  size_ += text.size();
  changed_.notify_one();
}

bool Writer::full() const {
  const std::scoped_lock lock(mutex_);
  return size_ >= enough;
}

bool Writer::idle() const {
  const std::scoped_lock lock(mutex_);
  return size_ == 0;
}

void Writer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto pieces = std::exchange(waiting_, {});
    lock.unlock();
    try {
      for (const Piece& piece : pieces) write_all(piece.fd, piece.text);
    } catch (const ReaderGone&) {
      fail({});
    } catch (const std::exception& error) {
      fail(error.what());
    }
    lock.lock();
    for (const Piece& piece : pieces) size_ -= piece.text.size();
    if (failed_) size_ = 0;
    if (size_ == 0) loop_.add_callback([this] { news_.written(); });
  }
}

void Writer::fail(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  failed_ = true;
  waiting_.clear();
  loop_.add_callback([this, why] { news_.failed(why); });
}

}  // namespace tornado::cli
