// SPDX-License-Identifier: Apache-2.0
#include "process/stream_pump_windows.h"

#include <array>
#include <memory>
#include <thread>

#include "tornado/platform.h"

namespace tornado {
namespace {

using Buffer = std::array<char, 65536>;

bool send_all(NativeFd socket, const char* data, int size) noexcept {
  while (size > 0) {
    const int sent = ::send(socket, data, size, 0);
    if (sent <= 0) return false;
    data += sent;
    size -= sent;
  }
  return true;
}

bool write_all(HANDLE pipe, const char* data, DWORD size) noexcept {
  while (size > 0) {
    DWORD written = 0;
    if (!::WriteFile(pipe, data, size, &written, nullptr)) return false;
    data += written;
    size -= written;
  }
  return true;
}

// A read of nothing is a write of nothing at the other end, and no end of file.
void carry_from_child(UniqueHandle pipe, UniqueFd socket, Buffer& buffer) noexcept {
  DWORD size = 0;
  while (::ReadFile(pipe.get(), buffer.data(), static_cast<DWORD>(buffer.size()), &size,
                    nullptr)) {
    if (!send_all(socket.get(), buffer.data(), static_cast<int>(size))) return;
  }
  ::shutdown(socket.get(), SD_SEND);
}

void carry_to_child(UniqueHandle pipe, UniqueFd socket, Buffer& buffer) noexcept {
  for (;;) {
    const int size =
        ::recv(socket.get(), buffer.data(), static_cast<int>(buffer.size()), 0);
    if (size <= 0 || !write_all(pipe.get(), buffer.data(), static_cast<DWORD>(size))) {
      return;
    }
  }
}

struct Pipe {
  Pipe() {
    HANDLE reader = nullptr;
    HANDLE writer = nullptr;
    if (!::CreatePipe(&reader, &writer, nullptr, DWORD{sizeof(Buffer)})) {
      throw_windows_error("CreatePipe");
    }
    read.reset(reader);
    write.reset(writer);
  }
  UniqueHandle read, write;
};

template <class Carry>
UniqueFd start_pump(Carry carry, UniqueHandle pipe) {
  FdPair sockets = make_socket_pair();
  set_nonblocking(sockets.second.get(), false);
  auto buffer = std::make_unique<Buffer>();
  std::thread([carry, p = std::move(pipe), s = std::move(sockets.second),
               b = std::move(buffer)]() mutable {
    carry(std::move(p), std::move(s), *b);
  }).detach();
  return std::move(sockets.first);
}

}  // namespace

PumpedStream open_stream_to_child() {
  Pipe pipe;
  return {std::move(pipe.read), start_pump(carry_to_child, std::move(pipe.write))};
}

PumpedStream open_stream_from_child() {
  Pipe pipe;
  return {std::move(pipe.write), start_pump(carry_from_child, std::move(pipe.read))};
}

}  // namespace tornado
