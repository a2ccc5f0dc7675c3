"""Makes slides of the lessons: `python docs/slides.py build/slides`.

A slide is a heading with what can be taken in at a glance: the first sentence,
a list, a table, a formula, what is to be predicted; or a picture. The whole
text goes into the speaker's notes (press S). Nothing is executed, and reveal.js
and MathJax lie beside the slides, so no network is needed.
"""

import importlib.util
import pathlib
import re
import shutil
import sys

import nbformat
from nbconvert import SlidesExporter
from nbformat import v4

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
MATHJAX = "tex-svg.js"
SENTENCE = re.compile(r"(?<=[.?!:])\s+(?=[A-Z*`\"])")
PREDICT = re.compile(r"\*Predict[^*]*\*[^\n]*")
# To another notebook or a table: slides stand alone.
NEAR_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]+\)")
GLANCE = re.compile(r"\||\$\$|- |\d\. ")  # A table, a formula, a list.
TEMPLATE = """{% extends 'reveal/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}<style>
.reveal { font-size: 22px; }
.reveal .slides section { max-height: 100%; overflow-y: auto; }
.reveal section img { max-height: 540px; margin: 0 auto; display: block; }
.reveal .jp-RenderedHTMLCommon { font-size: inherit; }
.reveal .jp-InputPrompt, .reveal .jp-OutputPrompt { display: none; }
</style>{% endblock %}
{% block footer_js %}
<script src="reveal.js/dist/reveal.js"></script>
<script src="reveal.js/plugin/notes/notes.js"></script>
<script>
MathJax = {
  tex: {inlineMath: [["$", "$"]]},
  startup: {
    pageReady: () => MathJax.startup.defaultPageReady().then(() =>
      Reveal.initialize({
        hash: true, slideNumber: "c/t", width: 1200, height: 760,
        plugins: [RevealNotes],
      })),
  },
};
</script>
<script src="MATHJAX"></script>
{% endblock %}""".replace("MATHJAX", MATHJAX)


def glance(source):
    """Returns of a cell of text what a slide shows of it."""
    heading, *blocks = source.split("\n\n")
    if heading.startswith("## Summary"):
        sentences = SENTENCE.split(blocks[0])
        return "\n".join([heading, "", *(f"- {one}" for one in sentences)])
    kept = [heading]
    prose = [block for block in blocks if not GLANCE.match(block)]
    for block in blocks:
        if GLANCE.match(block):
            kept.append(block)
        elif block is prose[0] and "Exercise" not in heading:
            kept.append(SENTENCE.split(block)[0])
        if "Exercise" in heading and block in prose[:1]:
            kept.append(block)
        elif found := PREDICT.search(block):
            kept.append(found[0])
    return "\n\n".join(kept)


def opening(source):
    """Returns of the first cell the title and the aims, without the links."""
    return "\n\n".join(source.split("\n\n")[:3])


def slide(text, slide_type):
    metadata = {"slideshow": {"slide_type": slide_type}}
    text = NEAR_LINK.sub(r"\1", text)
    return v4.new_markdown_cell(text, metadata=metadata)


def pictures(cell):
    """Yields the pictures of a code cell in Markdown, with their alt texts."""
    for output in cell.get("outputs", []):
        if png := output.get("data", {}).get("image/png"):
            alt = output.metadata["image/png"]["alt"].strip("<>")
            alt = re.sub(r"([\[\]])", r"\\\1", alt)
            yield f"![{alt}](data:image/png;base64,{png.replace(chr(10), '')})"


def slides(lesson):
    """Returns a lesson as a notebook of slides and notes, all of it text."""
    heading, cells = "", []
    for cell in lesson.cells:
        for picture in pictures(cell):
            cells.append(slide(f"{heading}\n\n{picture}", "subslide"))
        if cell.cell_type != "markdown":
            continue
        if not cells:
            cells.append(slide(opening(cell.source), "slide"))
            continue
        if cell.source.startswith("## References"):
            break
        elif cell.source.startswith("#"):
            kind = "subslide" if cell.source.startswith("###") else "slide"
            heading = cell.source.split("\n")[0]
            cells.append(slide(glance(cell.source), kind))
        cells.append(slide(cell.source, "notes"))
    return v4.new_notebook(cells=cells, metadata=lesson.metadata)


def not_needed(folder, names):
    """Returns which files of reveal.js stay behind: other themes have fonts
    from other hosts."""
    themes = {name for name in names if folder.endswith("theme")}
    return {name for name in names if name.endswith((".map", ".ttf"))} | (
        themes - {"white.css", "fonts"}
    )


def bundle(folder):
    """Lays reveal.js and MathJax, from their packages, beside the slides."""

    def static(package):
        found = importlib.util.find_spec(package)
        return pathlib.Path(found.origin).parent

    reveal = static("sphinx_revealjs") / "_static" / "revealjs"
    for part in ("dist", "plugin/notes"):
        shutil.copytree(
            reveal / part,
            folder / "reveal.js" / part,
            ignore=not_needed,
            dirs_exist_ok=True,
        )
    mathjax = static("sphinx-mathjax-offline") / "static" / "mathjax"
    shutil.copy(mathjax / MATHJAX, folder)


def main(folder):
    exporter = SlidesExporter(
        raw_template=TEMPLATE,
        reveal_url_prefix="reveal.js",
        reveal_theme="white",
    )
    bundle(folder)
    for path in sorted(REPOSITORY.glob("notebooks/[0-9]*.ipynb")):
        made = slides(nbformat.read(path, as_version=4))
        html, _ = exporter.from_notebook_node(
            made, resources={"metadata": {"name": path.stem}}
        )
        (folder / f"{path.stem}.html").write_text(html, encoding="utf-8")
        print(folder / f"{path.stem}.html")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
