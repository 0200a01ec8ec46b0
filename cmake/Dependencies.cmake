# Libraries that come from the system, and the flags that all our code is compiled with.
find_package(Threads REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

add_library(kandinsky_flags INTERFACE)
target_compile_options(kandinsky_flags INTERFACE
  # gcc 12 sees overlaps in std::string that are not there (its bug 105651).
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall -Wextra -Wpedantic>
  $<$<AND:$<BOOL:${KANDINSKY_WERROR}>,$<COMPILE_LANGUAGE:C,CXX>>:-Werror>)
if(KANDINSKY_SANITIZE)
  target_compile_options(kandinsky_flags INTERFACE -fsanitize=${KANDINSKY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(kandinsky_flags INTERFACE -fsanitize=${KANDINSKY_SANITIZE})
endif()
if(KANDINSKY_BUILD_FUZZERS)
  # Coverage of our own code guides the fuzzers; their main() is linked in by tests/fuzz.
  target_compile_options(kandinsky_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
