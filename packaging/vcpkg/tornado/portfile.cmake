# SPDX-License-Identifier: Apache-2.0
# Not run yet. The port builds the sources that it lies in.

get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS features FEATURES
  io-uring TORNADO_IO_URING
  tls TORNADO_TLS
  dns TORNADO_DNS)
if("io-uring" IN_LIST FEATURES OR "dns" IN_LIST FEATURES)
  vcpkg_find_acquire_program(PKGCONFIG)
  list(APPEND features "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}")
endif()

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DTORNADO_BUILD_TESTS=OFF
    -DTORNADO_BUILD_TOOLS=OFF
    -DTORNADO_BUILD_EXAMPLES=OFF
    ${features})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME tornado CONFIG_PATH lib/cmake/tornado)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE
  "${CURRENT_PACKAGES_DIR}/debug/include"
  "${CURRENT_PACKAGES_DIR}/debug/share"
  "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
