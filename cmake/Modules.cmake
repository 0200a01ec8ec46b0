# kandinsky_module(NAME SOURCES ... [LINK ...]): a part of the library. Each is an object library of its own, so that
# tests can reach what the shared library hides; libkandinsky is made of all their objects.
function(kandinsky_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(kandinsky_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(kandinsky_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(kandinsky_${name} PUBLIC ${ARG_LINK} PRIVATE kandinsky_flags)
  set_property(GLOBAL APPEND PROPERTY KANDINSKY_MODULES kandinsky_${name})
endfunction()

# kandinsky_test(NAME SOURCES ... [LINK ...]): a GoogleTest program build/bin/tests/NAME over the whole library's objects
# (or, with MODULES, over those modules alone), and one test of CTest: LibTorch takes a while to load.
function(kandinsky_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;MODULES" ${ARGN})
  add_executable(test_${name} ${ARG_SOURCES})
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/tests OUTPUT_NAME ${name})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  if(ARG_MODULES)
    foreach(_module ${ARG_MODULES})
      list(APPEND _objects kandinsky_${_module})
    endforeach()
  else()
    set(_objects kandinsky_objects)
  endif()
  target_link_libraries(test_${name} PRIVATE ${_objects} kandinsky_test_support kandinsky_flags ${ARG_LINK} GTest::gtest_main)
  target_compile_definitions(test_${name} PRIVATE
    KANDINSKY_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KANDINSKY_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200)
endfunction()
