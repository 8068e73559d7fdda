"""A select whose options change while the page is open."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui


class Select(pmui.Select):
    """Takes no choice that it does not offer any more.

    Browser and server change it independently: a choice may be under way while the server replaces
    the options. Panel raises an error then; the value that came with the new options stands.
    """

    def _process_property_change(self, props: dict[str, Any]) -> dict[str, Any]:
        offered = {"", *map(str, self.values), *self.labels}
        if self.values and str(props.get("value", "")) not in offered:
            props = {name: value for name, value in props.items() if name != "value"}
        changes: dict[str, Any] = super()._process_property_change(props)
        return changes
