// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The peers that were found, in an order that lets them be together.
///
/// libev and libevent give different values to EV_READ and EV_WRITE, and libev's
/// library also has functions of libevent's names. Hence the constants here, taken
/// before libevent's macros hide them, and libevent is linked before libev.

#if BENCH_LIBEV
#include <ev.h>
inline constexpr int libev_read = EV_READ;
inline constexpr int libev_write = EV_WRITE;
#endif

#if BENCH_LIBEVENT
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#endif

#if BENCH_LIBUV
#include <uv.h>
#endif

#if BENCH_ASIO
#include <asio.hpp>
#endif
