# SPDX-License-Identifier: Apache-2.0
# Sphinx builds the copy of the tree that docs/site/build makes.

import logging

project = "tornado"
author = "the tornado authors"
copyright = "the tornado authors"
html_title = "tornado for C++"
extensions = ["myst_parser", "breathe"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
exclude_patterns = ["docs/index.md"]  # the index of the sources

html_theme = "furo"
html_css_files = ["site.css"]
html_static_path = ["static"]
html_copy_source = False
html_show_sourcelink = False

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
breathe_projects = {"tornado": "../xml"}
breathe_default_project = "tornado"
breathe_default_members = ("members",)
cpp_id_attributes = ["TORNADO_API"]

# The types in signatures are those of the standard library as well, which has no pages here.
nitpick_ignore_regex = [("cpp:identifier", ".*")]


class NamespaceOnce(logging.Filter):
    """Each header declares the namespace again, which Sphinx takes for a mistake."""

    def filter(self, record):
        return "Declaration is '.. cpp:type:: tornado'." not in record.getMessage()


logging.getLogger("sphinx.sphinx.domains.cpp").addFilter(NamespaceOnce())
