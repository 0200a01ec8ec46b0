#pragma once
#include "kandinsky/device.h"

namespace kandinsky {

// Name and memory of a CUDA device, asked of the driver itself, which is opened when first needed.
DeviceInfo cuda_info(int index);

}  // namespace kandinsky
