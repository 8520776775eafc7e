// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Everything.

#include "tornado/audit.h"
#include "tornado/callback.h"
#include "tornado/completion.h"
#include "tornado/error.h"
#include "tornado/events.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/log.h"
#include "tornado/loop_handle.h"
#include "tornado/loop_types.h"
#include "tornado/native.h"
#include "tornado/periodic_callback.h"
#include "tornado/platform.h"
#include "tornado/poller_kind.h"
#include "tornado/spawn.h"
#include "tornado/subprocess.h"
#include "tornado/time.h"
#include "tornado/waker.h"
#if defined(TORNADO_HAS_FORK)
#include "tornado/fork_processes.h"
#endif
