#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a page of the site links to what is not there, or loads from a network."""

import pathlib
import sys
import urllib.parse
from html.parser import HTMLParser


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.anchors = set()
        self.links = []
        self.loads = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(filter(None, (values.get("id"), values.get("name"))))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        for name in ("src", "href") if tag != "a" else ():
            if values.get(name):
                self.loads.append(values[name])


def read(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def main(root):
    pages = {path.resolve(): read(path) for path in root.rglob("*.html")}
    faults = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loads and url.scheme != "data":
                    faults.append(f"{path}: loads {link}")
                continue
            name = urllib.parse.unquote(url.path)
            target = (path.parent / name).resolve() if name else path
            if not target.exists():
                faults.append(f"{path}: no file {link}")
            elif url.fragment and target in pages:
                anchor = urllib.parse.unquote(url.fragment)
                if anchor not in pages[target].anchors:
                    faults.append(f"{path}: no anchor {link}")
    print(f"{len(pages)} pages, {len(faults)} dead links")
    for fault in faults:
        print(fault)
    return 1 if faults or not pages else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
