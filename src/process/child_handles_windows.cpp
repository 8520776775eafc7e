// SPDX-License-Identifier: Apache-2.0
#include "process/child_handles_windows.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "process/program_windows.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

// A loop can wait for sockets, and programs expect pipes as their standard streams. So
// the child has a pipe, this process a socket, and a thread carries the bytes between.
//
// What ends one side ends the other: the child's end of file is that of the socket,
// and a closed socket closes the pipe. The threads end with the streams.

/// A stream between a child and this process. Neither end is inheritable.
struct PumpedStream {
  UniqueHandle child_end;  // a pipe; blocks
  UniqueFd parent_end;     // a socket; non-blocking
};

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

PumpedStream open_stream_to_child() {
  Pipe pipe;
  return {std::move(pipe.read), start_pump(carry_to_child, std::move(pipe.write))};
}

PumpedStream open_stream_from_child() {
  Pipe pipe;
  return {std::move(pipe.write), start_pump(carry_from_child, std::move(pipe.read))};
}

constexpr int stream_count = 3;
constexpr int runtime_limit = 2048;  // descriptors that the older C runtime has

[[noreturn]] void refuse(int number, std::errc reason, const std::string& why) {
  throw_error(std::make_error_code(reason),
              "child descriptor " + std::to_string(number) + why);
}

UniqueHandle open_for_child(const std::string& path, int flags, unsigned mode) {
  const std::wstring wide = to_wide(path, "the name of a file");
  UniqueHandle file(as_handle(open_path(wide.c_str(), flags, mode)));
  if (!file) throw_windows_error("open " + path);
  return file;
}

UniqueHandle open_null_device() {
  UniqueHandle null(as_handle(open_path(L"NUL", _O_RDWR, 0666)));
  if (!null) throw_windows_error("open NUL");
  return null;
}

bool is_open(HANDLE handle) noexcept {
  DWORD flags = 0;
  return handle && handle != INVALID_HANDLE_VALUE &&
         ::GetHandleInformation(handle, &flags);
}

HANDLE checked(int number, NativeFd fd) {
  if (is_open(as_handle(fd))) return as_handle(fd);
  refuse(number, std::errc::bad_file_descriptor, " from fd " + std::to_string(fd));
}

HANDLE own_stream(int number) noexcept {
  constexpr DWORD names[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
  return ::GetStdHandle(names[number]);
}

UniqueHandle inheritable_copy(int number, HANDLE source) {
  HANDLE copy = nullptr;
  if (!::DuplicateHandle(::GetCurrentProcess(), source, ::GetCurrentProcess(), &copy, 0,
                         TRUE, DUPLICATE_SAME_ACCESS)) {
    throw_windows_error("DuplicateHandle for child descriptor " +
                        std::to_string(number));
  }
  return UniqueHandle(copy);
}

BYTE runtime_flags(HANDLE handle) noexcept {
  constexpr BYTE open = 0x01, pipe = 0x08, device = 0x40;
  switch (::GetFileType(handle)) {
    case FILE_TYPE_PIPE:
      return open | pipe;
    case FILE_TYPE_CHAR:
      return open | device;
    default:
      return open;
  }
}

}  // namespace

ChildHandles::ChildHandles(const SpawnOptions& options) {
  const std::array<const Stdio*, stream_count> streams = {&options.in, &options.out,
                                                          &options.err};
  for (int number = 0; number < stream_count; ++number) {
    const Stdio& stdio = *streams[static_cast<std::size_t>(number)];
    wanted_.push_back({number, open_stream(stdio, number)});
  }
  for (const DescriptorMapping& mapping : options.descriptors) add_mapping(mapping);
}

void ChildHandles::add_mapping(const DescriptorMapping& mapping) {
  if (mapping.child < 0) {
    refuse(mapping.child, std::errc::invalid_argument, " is negative");
  }
  if (mapping.child >= runtime_limit) {
    refuse(mapping.child, std::errc::invalid_argument, " is more than 2047");
  }
  const bool taken = std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& w) {
    return w.number == mapping.child;
  });
  if (taken) refuse(mapping.child, std::errc::invalid_argument, " mapped twice");
  wanted_.push_back({mapping.child, checked(mapping.child, mapping.parent)});
}

HANDLE ChildHandles::open_stream(const Stdio& stdio, int number) {
  switch (stdio.kind) {
    case Stdio::Kind::inherit: {
      const HANDLE own = own_stream(number);
      return is_open(own) ? own : keep(open_null_device());
    }
    case Stdio::Kind::null:
      return keep(open_null_device());
    case Stdio::Kind::pipe:
      return open_pipe(number);
    case Stdio::Kind::file:
      return keep(open_for_child(stdio.path, stdio.flags, stdio.mode));
    case Stdio::Kind::descriptor:
      return checked(number, stdio.fd);
    case Stdio::Kind::as_stdout:
      if (number == 2) return wanted_[1].source;
      refuse(number, std::errc::invalid_argument, ": as_stdout is for stderr");
  }
  refuse(number, std::errc::invalid_argument, ": unknown kind of stream");
}

HANDLE ChildHandles::open_pipe(int number) {
  PumpedStream stream = number == 0 ? open_stream_to_child() : open_stream_from_child();
  parent_ends_[static_cast<std::size_t>(number)] = std::move(stream.parent_end);
  return keep(std::move(stream.child_end));
}

HANDLE ChildHandles::keep(UniqueHandle handle) {
  opened_.push_back(std::move(handle));
  return opened_.back().get();
}

void ChildHandles::make_inheritable() {
  for (const Wanted& wanted : wanted_) {
    copies_.push_back(inheritable_copy(wanted.number, wanted.source));
    list_.push_back(copies_.back().get());
  }
  if (wanted_.size() > stream_count) fill_runtime_block();
}

// An int, a byte of flags each, a handle each; no padding.
void ChildHandles::fill_runtime_block() {
  int count = 0;
  for (const Wanted& wanted : wanted_) count = std::max(count, wanted.number + 1);
  const auto slots = static_cast<std::size_t>(count);
  const std::size_t handles = sizeof count + slots;
  block_.assign(handles + slots * sizeof(HANDLE), 0);
  std::memcpy(block_.data(), &count, sizeof count);
  std::fill(block_.begin() + static_cast<std::ptrdiff_t>(handles), block_.end(),
            BYTE{0xff});
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const auto slot = static_cast<std::size_t>(wanted_[i].number);
    const HANDLE handle = copies_[i].get();
    block_[sizeof count + slot] = runtime_flags(handle);
    std::memcpy(&block_[handles + slot * sizeof handle], &handle, sizeof handle);
  }
}

void ChildHandles::hand_over(Child& child) noexcept {
  child.in = std::move(parent_ends_[0]);
  child.out = std::move(parent_ends_[1]);
  child.err = std::move(parent_ends_[2]);
}

}  // namespace tornado
