"""Equations as MathML, which browsers show by themselves: no script, no font, no other host."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

# What latex2mathml takes for letters: a relation, and functions of what follows.
MENDED = {
    "<mi>&#x0007E;</mi>": "<mo>&#x0223C;</mo>",
    "<mi>log</mi>": '<mi>log</mi><mspace width="0.17em"/>',
    "<mi>det</mi>": '<mi>det</mi><mspace width="0.17em"/>',
}


def mathml(latex: str, display: str = "inline") -> str:
    """An equation of LaTeX."""
    found: str = convert(latex.strip(), display=display)
    for taken, meant in MENDED.items():
        found = found.replace(taken, meant)
    return found


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="equation">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
