// Collective operations on an accelerator's tensors by a backend of the host's, such as Gloo.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

namespace spurmem {

// Values go through pinned memory, and come back on the stream that was at work where they were asked for:
// libtorch's own way for Gloo waits on the default stream alone, and a Reducer on another one would read
// gradients before they are there. The thread that asks goes on.
c10::intrusive_ptr<c10d::Backend> throughHost(c10::intrusive_ptr<c10d::Backend> backend);

}  // namespace spurmem
