// SPDX-License-Identifier: Apache-2.0
#include "loop/signal_ring.h"

namespace tornado {

template class BasicSignalRing<StdMemory, 256>;

}  // namespace tornado
