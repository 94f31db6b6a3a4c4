# Compiles a recurrence ahead of time.
#
#   recur_add_library(my_scan SPEC my_scan.recur [TARGETS cpu sm_90 ...] [GRADIENT])
#   target_link_libraries(app PRIVATE my_scan)   # and #include "my_scan.h"
#
# Makes the static library `my_scan` and its header `my_scan.h`, and makes them
# again when the spec or the compiler changes. TARGETS defaults to cpu.
include_guard(GLOBAL)

function(recur_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "GRADIENT" "SPEC" "TARGETS")
  if(NOT arg_SPEC)
    message(FATAL_ERROR "recur_add_library(${name}): expected SPEC and a file")
  elseif(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "recur_add_library(${name}): unexpected ${arg_UNPARSED_ARGUMENTS}")
  elseif(NOT TARGET Recur::recurc)
    message(FATAL_ERROR "recur_add_library(${name}): recurc is not installed beside Recur's runtime")
  endif()
  if(NOT arg_TARGETS)
    set(arg_TARGETS cpu)
  endif()

  get_filename_component(spec "${arg_SPEC}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${name}.recur")
  set(object "${folder}/${name}.o")
  set(header "${folder}/${name}.h")
  file(MAKE_DIRECTORY "${folder}")

  set(flags)
  foreach(target IN LISTS arg_TARGETS)
    list(APPEND flags --target ${target})
  endforeach()
  if(arg_GRADIENT)
    list(APPEND flags --gradient)
  endif()
  add_custom_command(
    OUTPUT "${object}" "${header}"
    COMMAND Recur::recurc "${spec}" ${flags} --emit object -o "${object}"
    COMMAND Recur::recurc "${spec}" ${flags} --emit header -o "${header}"
    DEPENDS "${spec}" Recur::recurc
    COMMENT "Compiling ${arg_SPEC} for ${arg_TARGETS}"
    VERBATIM)

  add_library(${name} STATIC "${object}" "${header}")
  set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  if(CMAKE_C_COMPILER)
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  endif()
  target_include_directories(${name} PUBLIC "${folder}")
  target_link_libraries(${name} PUBLIC Recur::runtime m)
endfunction()
