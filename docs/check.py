"""Looks for what a reader of the site would stumble over.

Every link to a page and to an anchor must lead somewhere, every picture must be
said in words, mathematics must have been understood, and nothing may be loaded
from another host: `python docs/check.py build/site`.
"""

import pathlib
import re
import sys
import urllib.parse

from bs4 import BeautifulSoup

AWAY = re.compile(r"(https?:)?//")
# What a browser fetches without being asked, in pages and in style sheets.
FETCHED = {
    "audio": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "script": "src",
    "source": "src",
    "video": "src",
}
NOT_FETCHED = {"author", "canonical", "index", "license", "next", "prev"}
NOT_FETCHED |= {"search"}
URL_IN_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
SHORTEST_ALT = 30


def read(folder):
    """Returns all pages, parsed, by their path."""
    return {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(folder.resolve().rglob("*.html"))
    }


def target(path, address):
    """Returns the file and the anchor that an address on a page means."""
    name, _, anchor = address.partition("#")
    name = urllib.parse.unquote(name.partition("?")[0])
    return (path.parent / name).resolve() if name else path, anchor


def anchors(page):
    found = page.find_all(id=True) + page.find_all("a", attrs={"name": True})
    return {tag.get("id") or tag["name"] for tag in found}


def fetched(page):
    """Yields the address of all that the page makes a browser fetch."""
    for tag, attribute in FETCHED.items():
        for found in page.find_all(tag, attrs={attribute: True}):
            if not NOT_FETCHED.intersection(found.get("rel", [])):
                yield found[attribute]


def check_links(pages):
    ids = {path: anchors(page) for path, page in pages.items()}
    for path, page in pages.items():
        links = [tag["href"] for tag in page.find_all("a", href=True)]
        for address in [*links, *fetched(page)]:
            if re.match(r"(https?|mailto|data):", address):
                continue
            file, anchor = target(path, address)
            if not file.is_file():
                yield path, f"leads nowhere: {address}"
            elif anchor and anchor not in ids.get(file, {anchor}):
                yield path, f"no such anchor: {address}"


def check_fetched(folder, pages):
    for path, page in pages.items():
        for address in fetched(page):
            if AWAY.match(address):
                yield path, f"loads from elsewhere: {address}"
    for path in sorted(folder.rglob("*.css")):
        for found in URL_IN_CSS.findall(path.read_text("utf-8")):
            if AWAY.match("".join(found)):
                yield path, f"loads from elsewhere: {''.join(found)}"


def check_words(pages):
    for path, page in pages.items():
        for image in page.find_all("img"):
            if len(image.get("alt", "")) < SHORTEST_ALT:
                yield path, f"no alt text: {image['src'][:80]}"
        titles = page.find_all("h1")
        if len(titles) > 1:
            yield path, f"{len(titles)} titles"
        if page.select(".reveal"):  # Slides: MathJax itself looks for it.
            continue
        for tag in page.select("p, li, td, figcaption"):
            if not tag.find("code") and "$$" in tag.get_text():
                yield path, f"mathematics left as text: {tag.get_text()[:60]}"


def check(folder):
    """Returns a list of strings, one for each thing that is wrong.

    Args:
        folder: Path of the built site.
    """
    pages = read(folder)
    if len(pages) < 2:
        return [f"{folder}: no site"]
    wrong = [*check_links(pages), *check_fetched(folder, pages)]
    wrong += check_words(pages)
    root = folder.resolve()
    return [f"{path.resolve().relative_to(root)}: {why}" for path, why in wrong]


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]))
    print("\n".join(found) or "All links, anchors and pictures are right.")
    sys.exit(bool(found))
