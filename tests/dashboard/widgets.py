"""Widgets of controls, found as a person finds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import panel as pn
import panel_material_ui as pmui


def find[W](viewer: pn.viewable.Viewer, kind: type[W], label: str) -> W:
    """The one widget of this kind and label."""
    found = [w for w in viewer.__panel__().select(kind) if w.label == label]
    assert len(found) == 1, (label, found)
    return found[0]


def shown(viewer: pn.viewable.Viewer, kind: type[pn.viewable.Viewable]) -> list[Any]:
    """The widgets of this kind that are there to be seen."""

    def walk(part: Any) -> Iterator[Any]:
        if part.visible:
            if isinstance(part, kind):
                yield part
            for j, child in enumerate(getattr(part, "objects", ())):
                if not isinstance(part, pmui.Accordion) or j in part.active:
                    yield from walk(child)

    return list(walk(viewer.__panel__()))
