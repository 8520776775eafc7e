// SPDX-License-Identifier: Apache-2.0
#include "platform/error_windows.h"

#include <winsock2.h>

#include <algorithm>
#include <iterator>

#include "platform/system_error.h"

namespace tornado {
namespace {

struct Meaning {
  int code;
  std::errc condition;
};

constexpr Meaning meanings[] = {
    {ERROR_INVALID_HANDLE, std::errc::bad_file_descriptor},
    {WSA_NOT_ENOUGH_MEMORY, std::errc::not_enough_memory},
    {WSA_INVALID_PARAMETER, std::errc::invalid_argument},
    {WSA_OPERATION_ABORTED, std::errc::operation_canceled},
    {WSAEINTR, std::errc::interrupted},
    {WSAEBADF, std::errc::bad_file_descriptor},
    {WSAEACCES, std::errc::permission_denied},
    {WSAEFAULT, std::errc::bad_address},
    {WSAEINVAL, std::errc::invalid_argument},
    {WSAEMFILE, std::errc::too_many_files_open},
    {WSAEWOULDBLOCK, std::errc::operation_would_block},
    {WSAEINPROGRESS, std::errc::operation_in_progress},
    {WSAEALREADY, std::errc::connection_already_in_progress},
    {WSAENOTSOCK, std::errc::not_a_socket},
    {WSAEDESTADDRREQ, std::errc::destination_address_required},
    {WSAEMSGSIZE, std::errc::message_size},
    {WSAEPROTOTYPE, std::errc::wrong_protocol_type},
    {WSAENOPROTOOPT, std::errc::no_protocol_option},
    {WSAEPROTONOSUPPORT, std::errc::protocol_not_supported},
    {WSAEOPNOTSUPP, std::errc::operation_not_supported},
    {WSAEAFNOSUPPORT, std::errc::address_family_not_supported},
    {WSAEADDRINUSE, std::errc::address_in_use},
    {WSAEADDRNOTAVAIL, std::errc::address_not_available},
    {WSAENETDOWN, std::errc::network_down},
    {WSAENETUNREACH, std::errc::network_unreachable},
    {WSAENETRESET, std::errc::network_reset},
    {WSAECONNABORTED, std::errc::connection_aborted},
    {WSAECONNRESET, std::errc::connection_reset},
    {WSAENOBUFS, std::errc::no_buffer_space},
    {WSAEISCONN, std::errc::already_connected},
    {WSAENOTCONN, std::errc::not_connected},
    {WSAESHUTDOWN, std::errc::broken_pipe},
    {WSAETIMEDOUT, std::errc::timed_out},
    {WSAECONNREFUSED, std::errc::connection_refused},
    {WSAELOOP, std::errc::too_many_symbolic_link_levels},
    {WSAENAMETOOLONG, std::errc::filename_too_long},
    {WSAEHOSTUNREACH, std::errc::host_unreachable},
    {WSAENOTEMPTY, std::errc::directory_not_empty},
};

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "windows"; }
  std::string message(int code) const override {
    return std::system_category().message(code);
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    const auto known = std::ranges::find_if(
        meanings, [code](const Meaning& m) { return m.code == code; });
    if (known != std::end(meanings)) return std::make_error_condition(known->condition);
    // What it does not know it gives back as a condition of its own.
    return std::system_category().default_error_condition(code);
  }
};

}  // namespace

const std::error_category& windows_category() noexcept {
  static const Category category;
  return category;
}

std::error_code last_windows_error() noexcept {
  return {static_cast<int>(::GetLastError()), windows_category()};
}

void throw_windows_error(std::string_view act) {
  throw_error(last_windows_error(), act);
}

LastErrorKeeper::LastErrorKeeper() noexcept : error_(::GetLastError()) {}
LastErrorKeeper::~LastErrorKeeper() {
  ::SetLastError(error_);
}

}  // namespace tornado
