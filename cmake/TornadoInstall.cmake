# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` copies, and the two files by which others find it there. The
# tree may be moved as a whole afterwards.

include(CMakePackageConfigHelpers)

set(tornado_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tornado")

install(TARGETS tornado EXPORT tornadoTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
foreach(kit tornado_testing tornado_faults)
  if(TARGET ${kit})
    install(TARGETS ${kit} EXPORT tornadoTargets
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  endif()
endforeach()
# A component is exported apart: only who asks for it needs what it needs.
foreach(component tls dns)
  if(NOT TARGET tornado_${component})
    continue()
  endif()
  if(UNIX AND NOT APPLE)
    set_target_properties(tornado_${component} PROPERTIES INSTALL_RPATH "$ORIGIN")
  endif()
  install(TARGETS tornado_${component} EXPORT tornado_${component}Targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(EXPORT tornado_${component}Targets NAMESPACE tornado::
    DESTINATION "${tornado_cmake_dir}")
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/tornado"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
if(UNIX)
  install(PROGRAMS "${PROJECT_SOURCE_DIR}/tools/check-coroutines"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/tornado")
  install(FILES "${PROJECT_SOURCE_DIR}/tools/coroutines.query"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/tornado")
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(EXPORT tornadoTargets NAMESPACE tornado:: DESTINATION "${tornado_cmake_dir}")

# A static library hands on what it is linked with.
get_target_property(tornado_type tornado TYPE)
set(tornado_config_liburing "")
if(TORNADO_HAS_LIBURING AND tornado_type STREQUAL "STATIC_LIBRARY")
  string(CONCAT tornado_config_liburing
    "find_dependency(PkgConfig)\n"
    "pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET GLOBAL liburing)\n")
endif()
set(tornado_config_tls "")
set(tornado_config_dns "")
if(tornado_type STREQUAL "STATIC_LIBRARY")
  set(tornado_config_tls "find_dependency(OpenSSL 3.0)")
  string(CONCAT tornado_config_dns
    "find_dependency(PkgConfig)\n"
    "  pkg_check_modules(CARES REQUIRED IMPORTED_TARGET GLOBAL libcares)")
endif()
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/tornadoConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/tornadoConfig.cmake"
  INSTALL_DESTINATION "${tornado_cmake_dir}"
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 each minor version may break what the last one had.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tornadoConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/tornadoConfig.cmake"
  "${PROJECT_BINARY_DIR}/tornadoConfigVersion.cmake"
  DESTINATION "${tornado_cmake_dir}")

# Directories in tornado.pc hang on where that file lies, unless somebody asked for
# absolute ones.
function(tornado_pc_directory variable directory)
  if(NOT IS_ABSOLUTE "${directory}")
    set(directory "\${prefix}/${directory}")
  endif()
  set(${variable} "${directory}" PARENT_SCOPE)
endfunction()

if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(tornado_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(tornado_pc_prefix "\${pcfiledir}/${up}")
endif()
tornado_pc_directory(tornado_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
tornado_pc_directory(tornado_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
set(tornado_pc_liburing "")
if(TORNADO_HAS_LIBURING)
  set(tornado_pc_liburing " -luring")
endif()
set(tornado_pc_option "")
if(TORNADO_STOP_TOKEN_OPTION)
  set(tornado_pc_option " ${TORNADO_STOP_TOKEN_OPTION}")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/tornado.pc.in"
  "${PROJECT_BINARY_DIR}/tornado.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tornado.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

foreach(component tls dns)
  if(TARGET tornado_${component})
    configure_file("${PROJECT_SOURCE_DIR}/cmake/tornado-${component}.pc.in"
      "${PROJECT_BINARY_DIR}/tornado-${component}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/tornado-${component}.pc"
      DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  endif()
endforeach()

if(TARGET tornado-cli AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(tornado-cli PROPERTIES INSTALL_RPATH "$ORIGIN/${up}")
endif()
