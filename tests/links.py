"""Where the links of a notebook, or of a page beside it, lead: for tests."""

import re
import urllib.parse

import lessons

# `[text](target)` and `![alt](target)`, without a title after the target.
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def _markdown(path):
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    cells = lessons.read(path).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def anchors(path):
    """Returns the anchors that JupyterLab gives to headings."""
    text = "\n".join(_markdown(path))
    headings = re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[*`_]", "", h).replace(" ", "-") for h in headings}


def broken_links(path):
    """Returns the links that lead nowhere in the repository."""
    broken = []
    for source in _markdown(path):
        for image, text, target in LINK.findall(CODE.sub("", source)):
            if image and not text.strip():
                broken.append(f"no alt text: {target}")
            if re.match(r"https?://|mailto:|attachment:", target):
                continue
            name, _, anchor = urllib.parse.unquote(target).partition("#")
            other = (path.parent / name) if name else path
            if not other.exists():
                broken.append(target)
            elif anchor and anchor not in anchors(other):
                broken.append(target)
    return broken
