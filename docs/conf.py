"""How Sphinx builds these pages (`make docs`): Markdown, docstrings, and nothing from elsewhere."""

import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "extensions")]

project = "Logratio"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
copyright = "the authors of Logratio"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "mathml",
    "offline",
    "pictures",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Logratio"
html_static_path = ["_static", "../assets/logo.svg"]
html_logo = "../assets/logo.svg"
html_css_files = ["docs.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

# A page for each public module: what its `__all__` names, wherever that is written.
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 76
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

# Names between single backticks are shown as code, and linked where a page has them.
default_role = "py:obj"

import engine  # noqa: E402 - only now is it found

autosummary_context = {"of_engine": engine.__all__}

# A reference to a public name leads to it; those to a module's inside, to other libraries and to
# parameters are shown as code.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:(?!obj$).*", r".*"),
    (r"py:obj", r"(?!engine\.).*"),
    (r"py:obj", r"engine\.(fitting|inference|jobs|lda|lnm|shell|store)(\..*)?"),
    (r"py:obj", r"engine\.\w+\.\w+\.\w+.*"),
]


def _signature(*given: Any) -> tuple[str | None, str | None]:
    """Shorten defaults that a dataclass makes anew each time: Sphinx cannot read their text."""
    arguments, result = given[-2:]
    return arguments and arguments.replace("<factory>", "..."), result


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _signature)
