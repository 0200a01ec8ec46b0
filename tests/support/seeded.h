#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace kandinsky::testing {

// The hash behind all seeded values: see tests/data/goldens/README.md, "Seeded weights".
std::uint64_t seeded_hash(std::string_view key, std::uint64_t index);
// x in [-1, 1) of `key`.
std::vector<float> seeded_reals(std::string_view key, std::size_t count);
std::vector<std::int32_t> seeded_ints(std::string_view key, std::size_t count, std::int32_t below);

// A parameter of a small network, from the case's salt, its name and shape, with info.affine applied.
at::Tensor seeded_weight(const nlohmann::json& info, const std::string& name, at::IntArrayRef shape);

}  // namespace kandinsky::testing
