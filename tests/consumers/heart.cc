// heart MODEL FILE: draws a heart.
#include <kandinsky/pipeline.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const auto pipeline = kandinsky::Pipeline::load(argv[1]);
  auto options = pipeline.default_options();
  options.images = 1;
  options.seed = 7;
  options.super_resolution = false;
  pipeline.generate("красное сердце", options).at(0).image.save(argv[2]);
  return 0;
} catch (const kandinsky::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
