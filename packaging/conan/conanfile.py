# SPDX-License-Identifier: Apache-2.0
# Not run yet. For Conan 2; packages the sources that it lies in.
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.gnu import PkgConfigDeps


class TornadoConan(ConanFile):
    name = "tornado"
    description = "Event loop, wakers and child processes that do not leak"
    license = "Apache-2.0"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "io_uring": [True, False],
               "tls": [True, False], "dns": [True, False]}
    default_options = {"shared": False, "fPIC": True, "io_uring": False, "tls": False, "dns": False}

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._root, "CMakeLists.txt"))
        self.version = re.search(r"project\(tornado VERSION ([0-9.]+)", text).group(1)

    def export_sources(self):
        for what in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, what, self._root, self.export_sources_folder)

    def configure(self):
        if self.options.shared:
            self.options.rm_safe("fPIC")

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.io_uring:
            self.requires("liburing/[>=2.3]")
        if self.options.tls:
            self.requires("openssl/[>=3.0 <4]")
        if self.options.dns:
            self.requires("c-ares/[>=1.18]")

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.22]")
        if self.options.io_uring:
            self.tool_requires("pkgconf/[>=2]")

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("Only Linux is packaged so far.")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "TOOLS", "EXAMPLES"):
            toolchain.cache_variables[f"TORNADO_BUILD_{part}"] = False
        toolchain.cache_variables["TORNADO_IO_URING"] = bool(self.options.io_uring)
        toolchain.cache_variables["TORNADO_TLS"] = "ON" if self.options.tls else "OFF"
        toolchain.cache_variables["TORNADO_DNS"] = "ON" if self.options.dns else "OFF"
        toolchain.generate()
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder,
             os.path.join(self.package_folder, "licenses"))
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(self.package_folder, "lib", folder))

    def package_info(self):
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "tornado::tornado")
        core.set_property("pkg_config_name", "tornado")
        core.libs = ["tornado"]
        core.system_libs = ["pthread"]
        if self.options.io_uring:
            core.requires = ["liburing::liburing"]
        if self.options.tls:
            tls = self.cpp_info.components["tls"]
            tls.set_property("cmake_target_name", "tornado::tls")
            tls.set_property("pkg_config_name", "tornado-tls")
            tls.libs = ["tornado_tls"]
            tls.requires = ["core", "openssl::ssl"]
        if self.options.dns:
            dns = self.cpp_info.components["dns"]
            dns.set_property("cmake_target_name", "tornado::dns")
            dns.set_property("pkg_config_name", "tornado-dns")
            dns.libs = ["tornado_dns"]
            dns.requires = ["core", "c-ares::c-ares"]
