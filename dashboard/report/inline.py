"""Figures as SVG elements inside a page, beside others."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dashboard.export import Export, Provenance, render

_NAMESPACE = re.compile(r"^\{[^}]*\}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# Descriptions that name other hosts, and styles that would apply to the rest of the page.
_LEFT_OUT = {"metadata", "style", "script"}
# Type of 7 points is for paper; on a page it is larger.
LARGER = 1.3


def inline_svg(export: Export, provenance: Provenance, prefix: str, title: str) -> str:
    """The figure as an ``<svg>`` element of a page.

    Parameters
    ----------
    prefix
        Prefix of its ids, which must differ between the figures of a page.
    title
        Words for screen readers.
    """
    root = ElementTree.fromstring(render(export, "svg", provenance))
    for parent in list(root.iter()):
        for child in list(parent):
            if _plain(child.tag) in _LEFT_OUT:
                parent.remove(child)
    for node in root.iter():
        node.tag = _plain(node.tag)
        node.attrib = {_plain(name): _prefix_ids(name, text, prefix) for name, text in node.items()}
    root.attrib.pop("version", None)
    for side in ("width", "height"):
        root.set(side, f"{LARGER * float(root.get(side, '0pt').removesuffix('pt')):.1f}pt")
    root.attrib |= {"role": "img", "aria-label": title}
    return ElementTree.tostring(root, encoding="unicode")


def _plain(name: str) -> str:
    return _NAMESPACE.sub("", name)


def _prefix_ids(name: str, text: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{text}"
    if text.startswith("#") and _plain(name) == "href":
        return f"#{prefix}-{text[1:]}"
    return _REFERENCE.sub(lambda match: f"url(#{prefix}-{match[1]})", text)
