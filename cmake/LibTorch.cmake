# LibTorch as imported targets of our own: kandinsky_torch (torch_cpu and c10).
#
# find_package(Torch) would need the CUDA toolkit of the machine the wheel was built on, so only its place is taken from
# it: CMAKE_PREFIX_PATH or Torch_DIR wins; otherwise the wheels are fetched into KANDINSKY_DEPS_DIR by pip. CUDA devices
# are reached at run time: libtorch_cuda is opened when one is asked for, so one program runs with and without a GPU.
set(KANDINSKY_TORCH_VERSION 2.11.0)
if(DEFINED ENV{XDG_CACHE_HOME})
  set(_kandinsky_cache "$ENV{XDG_CACHE_HOME}/libkandinsky")
elseif(DEFINED ENV{HOME})
  set(_kandinsky_cache "$ENV{HOME}/.cache/libkandinsky")
else()
  set(_kandinsky_cache "${CMAKE_BINARY_DIR}/_deps")
endif()
set(KANDINSKY_DEPS_DIR "${_kandinsky_cache}" CACHE PATH "Where LibTorch is fetched to if it is not on CMAKE_PREFIX_PATH")

find_path(KANDINSKY_TORCH_CMAKE_DIR TorchConfig.cmake
  HINTS "${Torch_DIR}"
  PATH_SUFFIXES share/cmake/Torch torch/share/cmake/Torch
  DOC "Folder of LibTorch's TorchConfig.cmake")

if(NOT KANDINSKY_TORCH_CMAKE_DIR)
  set(_torch_site "${KANDINSKY_DEPS_DIR}/torch-${KANDINSKY_TORCH_VERSION}")
  if(NOT EXISTS "${_torch_site}/.complete")
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    message(STATUS "Fetching LibTorch ${KANDINSKY_TORCH_VERSION} (543 MB) into ${_torch_site}")
    string(RANDOM LENGTH 8 _tag)
    set(_torch_new "${_torch_site}.${_tag}")
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
              --root-user-action=ignore --target "${_torch_new}"
              torch==${KANDINSKY_TORCH_VERSION} nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
      RESULT_VARIABLE _pip_result)
    if(NOT _pip_result EQUAL 0)
      file(REMOVE_RECURSE "${_torch_new}")
      message(FATAL_ERROR "LibTorch could not be fetched with pip. Install it yourself and pass "
                          "-DCMAKE_PREFIX_PATH=<site-packages>/torch, or fix pip and configure again.")
    endif()
    file(WRITE "${_torch_new}/.complete" "")
    file(REMOVE_RECURSE "${_torch_site}")
    file(RENAME "${_torch_new}" "${_torch_site}")
  endif()
  set(KANDINSKY_TORCH_CMAKE_DIR "${_torch_site}/torch/share/cmake/Torch" CACHE PATH "" FORCE)
endif()

get_filename_component(KANDINSKY_TORCH_ROOT "${KANDINSKY_TORCH_CMAKE_DIR}/../../.." ABSOLUTE)
foreach(_lib torch_cpu c10)
  if(NOT EXISTS "${KANDINSKY_TORCH_ROOT}/lib/lib${_lib}.so")
    message(FATAL_ERROR "${KANDINSKY_TORCH_ROOT} has no lib/lib${_lib}.so: is it a LibTorch?")
  endif()
  add_library(kandinsky_imported_${_lib} SHARED IMPORTED GLOBAL)
  set_target_properties(kandinsky_imported_${_lib} PROPERTIES
    IMPORTED_LOCATION "${KANDINSKY_TORCH_ROOT}/lib/lib${_lib}.so"
    INTERFACE_INCLUDE_DIRECTORIES "${KANDINSKY_TORCH_ROOT}/include")
endforeach()
message(STATUS "LibTorch: ${KANDINSKY_TORCH_ROOT}")

add_library(kandinsky_torch INTERFACE IMPORTED GLOBAL)
target_link_libraries(kandinsky_torch INTERFACE kandinsky_imported_torch_cpu kandinsky_imported_c10)
