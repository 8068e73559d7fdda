"""Find widgets of controls by kind and label; bring a page back to its first choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param


def find[W](viewer: Any, kind: type[W], label: str) -> W:
    """The one widget of this kind and label, of a view or of a layout."""
    layout = viewer.__panel__() if isinstance(viewer, pn.viewable.Viewer) else viewer
    widgets = [w for w in layout.select(kind) if w.label == label]
    assert len(widgets) == 1, (label, widgets)
    return widgets[0]


def shown(viewer: pn.viewable.Viewer, kind: type[pn.viewable.Viewable]) -> list[Any]:
    """The visible widgets of this kind."""

    def walk(part: Any) -> Iterator[Any]:
        if part.visible:
            if isinstance(part, kind):
                yield part
            for j, child in enumerate(getattr(part, "objects", ())):
                if not isinstance(part, pmui.Accordion) or j in part.active:
                    yield from walk(child)

    return list(walk(viewer.__panel__()))


def choices(*holders: param.Parameterized) -> Callable[[], None]:
    """Remember the values of a page now; what is returned brings them back.

    Tests that only choose on a page share it so: to build one takes longer than most tests.
    """
    kept = [
        (holder, {name: value for name, value in holder.param.values().items() if name != "name"})
        for holder in holders
    ]

    def back() -> None:
        for holder, values in kept:
            copies = {n: list(v) if isinstance(v, list) else v for n, v in values.items()}
            holder.param.update(**copies)

    return back
