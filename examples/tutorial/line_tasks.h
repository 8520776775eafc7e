// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tornado/tornado.h>

#include <cstdint>
#include <string>

/// A socket that listens on 127.0.0.1, at a port that the system chooses.
tornado::UniqueFd listen_on_loopback();
std::uint16_t port_of(tornado::NativeFd listener);

/// Gives each line that arrives, until the peer has sent the last.
tornado::AsyncGenerator<std::string> lines_of(tornado::NativeFd socket);
/// Ends when the system has taken all of `text`.
tornado::Task<> send_all(tornado::NativeFd socket, std::string text);
