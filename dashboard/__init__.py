"""The page: controls, views, plots and reports. The mathematics is in `engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panel_material_ui.template.base import Page

__all__ = ["build"]


def build() -> Page:
    """The page of one session."""
    # The page takes seconds to import, which a command of the shell need not spend.
    from dashboard import shell

    return shell.build()
