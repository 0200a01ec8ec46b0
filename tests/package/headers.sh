#!/bin/sh
# headers.sh SOURCE CC CXX: every public header compiles on its own and without a warning: kandinsky.h as C99 to C17 and
# C++11 to C++20, the C++ ones as C++20; with the compilers given and those of gcc and clang that are found.
source=$1
failed=0
strict="-Wall -Wextra -Wpedantic -Werror -fsyntax-only -x"
check() { # COMPILER LANGUAGE STANDARD HEADER [FLAGS]
  compiler=$1 language=$2 standard=$3 header=$4
  shift 4
  echo "#include \"$header\"" | "$compiler" $strict "$language" -std="$standard" "$@" \
    -I "$source/capi" -I "$source/include" - || { echo "failed: $compiler $standard $header"; failed=1; }
}
for compiler in $(printf '%s\n' "$2" gcc clang | while read -r c; do command -v "$c"; done | sort -u); do
  for standard in c99 c11 c17; do check "$compiler" c $standard kandinsky.h -Wstrict-prototypes; done
done
for compiler in $(printf '%s\n' "$3" g++ clang++ | while read -r c; do command -v "$c"; done | sort -u); do
  for standard in c++11 c++14 c++17 c++20; do check "$compiler" c++ $standard kandinsky.h; done
done
for header in "$source"/include/kandinsky/*; do
  check "$3" c++ c++20 "kandinsky/$(basename "$header")"
done
check "$(command -v clang++ || echo "$3")" c++ c++20 kandinsky/kandinsky.hpp
# As Visual C++'s compiler reads it.
if command -v clang >/dev/null; then
  for standard in c11 c17; do
    check clang c $standard kandinsky.h -target x86_64-pc-windows-msvc -ffreestanding -fms-compatibility
  done
fi
exit $failed
