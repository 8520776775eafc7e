// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "system/worker.h"
#include "tornado/loop_handle.h"

namespace tornado::cli {

/// Writes to standard output and standard error, in one order, on a thread that may
/// block. O_NONBLOCK would change the streams for all programs that share them, such as
/// the shell.
class Writer {
 public:
  struct News {
    std::function<void()> written;            ///< all text is written
    std::function<void(std::string)> failed;  ///< empty: the reader is gone
  };

  /// `news` is called on the loop.
  Writer(LoopHandle loop, News news);
  /// Waits until all is written, or writing has failed.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void put(int fd, std::string_view text);
  /// Whether too much text waits.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool idle() const;

 private:
  struct Piece {
    int fd;
    std::string text;
  };

  void work();
  void fail(const std::string& why);

  static constexpr std::size_t enough = std::size_t{256} << 10;

  const LoopHandle loop_;
  const News news_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> waiting_;
  std::size_t size_ = 0;  // of the text that waits or is being written
  bool ending_ = false;
  bool failed_ = false;
  Worker worker_;  // last: it uses the others
};

}  // namespace tornado::cli
