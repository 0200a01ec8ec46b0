#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/pickle.h"

namespace kandinsky::pickle {

struct NamedTensor {
  std::string name;
  std::uint32_t tensor = 0;  // index into Pickle::tensors
};

// The tensors that are reached from the root through dictionaries, lists and tuples, in the order of the
// pickle, named by the path of keys and indices. What lies under a key that is no text, number, boolean or
// None is left out, and so is what a container would repeat inside itself. `pickle_bytes` bounds the work:
// containers may be shared, so there can be far more paths than objects. Throws Error (bad_file).
std::vector<NamedTensor> find_tensors(const Pickle& pickle, const std::string& file);

}  // namespace kandinsky::pickle
