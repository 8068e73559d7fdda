"""Widgets of controls, found as a person finds them."""

from __future__ import annotations

import panel as pn


def find[W](viewer: pn.viewable.Viewer, kind: type[W], label: str) -> W:
    """The one widget of this kind and label."""
    found = [w for w in viewer.__panel__().select(kind) if w.label == label]
    assert len(found) == 1, (label, found)
    return found[0]
