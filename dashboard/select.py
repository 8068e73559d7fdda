"""A select whose options change while the page is open."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui


class Select(pmui.Select):
    """Ignores choices that it no longer offers.

    Browser and server change it independently: a choice may arrive after the server has replaced
    the options. Panel would raise an error; here the value that came with the options stays.
    """

    def _process_property_change(self, props: dict[str, Any]) -> dict[str, Any]:
        offered = {"", *map(str, self.values), *self.labels}
        if self.values and str(props.get("value", "")) not in offered:
            props = {name: value for name, value in props.items() if name != "value"}
        changes: dict[str, Any] = super()._process_property_change(props)
        return changes
