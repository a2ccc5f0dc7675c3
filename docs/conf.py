"""How Sphinx makes the site: all lessons as they are stored, and the API.

Sources stand in the folders of the repository, so that a link between lessons,
or to a table of `data/`, is the same in a clone and on the site.
"""

import hashlib
import importlib.util
import json
import pathlib
import re
from base64 import b64decode

project = "dni_lesson"
author = "The dni_lesson contributors"
copyright = f"{author}. Code: BSD-3-Clause. Lessons: CC BY 4.0"
html_title = "Decoupled Neural Interfaces: a course"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/*.rst",
    "INSTRUCTOR.md",
    "notebooks/*.md",
    "notebooks/*.ipynb",
    "notebooks/solutions/*.ipynb",
]
# Not even looked into: Sphinx walks through every folder else.
exclude_patterns = [".*", "**/.*", "build", "tests"]

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_start.html"}
templates_path = ["templates"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
toc_object_entries_show_parents = "hide"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# Outputs are those of the notebooks: nothing is executed.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # A glossary may have small headings only.
# One file with its glyphs in it, so that no font has to be found.
mathjax_path = "tex-svg.js"

# The package's docstrings have the form of Keras: words in Markdown.
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # Those of Keras are in its own site.
maximum_signature_line_length = 60
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [
    ("Call arguments", "params_style"),
    "Input shape",
    "Output shape",
    "Reference",
]
MARKDOWN_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(?=(\w?))")
MARKDOWN_LINK = re.compile(r"\[([^][]+)\]\((https?://[^)]+)\)")


def note_pictures(app, docname, source):
    """Remembers what each picture of a notebook says, by its file's name."""
    if app.env.doc2path(docname).suffix != ".ipynb":
        return
    said = {}
    for cell in json.loads(source[0])["cells"]:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                # MyST-NB names a picture by the hash of its bytes.
                name = hashlib.sha256(b64decode("".join(png))).hexdigest()
                said[f"{name}.png"] = output["metadata"]["image/png"]
    app.env.temp_data["pictures"] = said


def say_pictures(app, doctree):
    """Gives pictures their alt texts, and still panels their words."""
    from docutils import nodes

    said = app.env.temp_data.get("pictures", {})
    for image in list(doctree.findall(nodes.image)):
        words = said.get(pathlib.PurePosixPath(image["uri"]).name)
        if words is None:
            continue
        image["alt"] = words["alt"].strip("<>")
        if words["alt"].startswith("<"):  # The `repr` of a panel.
            below = words.get("words", image["alt"] + ".")
            note = "Moves in JupyterLab; this is how it starts. "
            figure = nodes.figure("", classes=["panel"])
            image.replace_self(figure)
            figure += [image, nodes.caption("", note + below)]
            doctree.set_id(figure)


def to_rst(app, what, name, obj, options, lines):
    """Turns code and links of a docstring from Markdown's form to Sphinx's."""
    # A letter after the code, as in `Part`s, needs a joint.
    text = MARKDOWN_CODE.sub(
        lambda code: f"``{code[1]}``" + "\\ " * bool(code[2]), "\n".join(lines)
    )
    lines[:] = MARKDOWN_LINK.sub(r"`\1 <\2>`__", text).split("\n")


def sign_layer(app, what, name, obj, options, signature, returned):
    """Takes the arguments of a layer from `__init__`: Keras has a `__new__`."""
    if what == "class" and signature == "(*args, **kwargs)":
        from sphinx.util import inspect

        arguments = inspect.signature(obj.__init__, bound_method=True)
        return inspect.stringify_signature(arguments), returned


def bundle_mathjax(app, config):
    """Takes MathJax, which the site carries along, from its package."""
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    folder = pathlib.Path(found.origin).parent / "static" / "mathjax"
    config.html_static_path.append(str(folder / mathjax_path))


def setup(app):
    app.connect("config-inited", bundle_mathjax)
    app.connect("source-read", note_pictures)
    app.connect("doctree-read", say_pictures)
    app.connect("autodoc-process-signature", sign_layer)
    # Before napoleon, which takes `[text](address)` apart.
    app.connect("autodoc-process-docstring", to_rst, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
