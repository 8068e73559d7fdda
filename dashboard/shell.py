"""The page: composes controls and views around one AppState, and lets the runner tick."""

from __future__ import annotations

import functools
from pathlib import Path

import holoviews as hv
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.server.contexts import BokehSessionContext
from panel.util.parameters import edit_readonly
from panel_material_ui.template.base import Page

from dashboard import html
from dashboard.controls.data import DataControl
from dashboard.controls.model import ModelControl
from dashboard.controls.run import RunControl
from dashboard.controls.runs import RunsControl
from dashboard.reading import CountsSummary
from dashboard.runner import Runner, Services
from dashboard.settings import Settings
from dashboard.state import AppState
from dashboard.views.cells import CellsView
from dashboard.views.correlation import CorrelationView
from dashboard.views.data import DataView
from dashboard.views.loadings import LoadingsView
from engine.jobs import Jobs, JobStatus

ASSETS = Path(__file__).resolve().parent.parent / "assets"
COMMON = {
    "typography": {"fontSize": 13, "button": {"textTransform": "none"}},
    "shape": {"borderRadius": 4},
    "components": {
        "MuiFormHelperText": {
            "styleOverrides": {
                "root": {
                    "margin": "2px 2px 0",
                    "fontSize": 11,
                    "lineHeight": 1.3,
                    "letterSpacing": 0,
                }
            }
        },
    },
}
THEME = {
    "light": COMMON
    | {
        "palette": {
            "primary": {"main": "#0f766e"},
            "background": {"default": "#f5f6f7", "paper": "#ffffff"},
            "text": {"primary": "#1b1f23", "secondary": "#59626b"},
        }
    },
    "dark": COMMON
    | {
        "palette": {
            "primary": {"main": "#4cc2b4"},
            "background": {"default": "#101315", "paper": "#181c1f"},
            "text": {"primary": "#e6e9eb", "secondary": "#9aa4ad"},
        }
    },
}
BAR = 44
CHROME = {
    "& .header": {
        "backgroundColor": "background.paper",
        "color": "text.primary",
        "boxShadow": "none",
        "backgroundImage": "none",
        "borderBottom": "1px solid var(--mui-palette-divider)",
    },
    "& .header .title": {"color": "text.primary", "fontSize": 17, "fontWeight": 700},
    "& .MuiToolbar-root.MuiToolbar-root": {"minHeight": BAR, "height": BAR, "margin": 0},
}
EXPLORE = 1


@functools.cache
def services() -> Services:
    """Of this server: one queue, one reader, shared by all sessions."""
    return Services(Jobs(Settings().home))


def build(settings: Settings | None = None, shared: Services | None = None) -> Page:
    """The page of one session.

    Parameters
    ----------
    settings
        From the environment by default.
    shared
        What all sessions of the server share; made once by default.
    """
    pn.extension()
    hv.extension("bokeh")
    settings = settings or Settings()
    state = AppState(source=settings.source)
    runner = Runner(state, shared or services())
    page = compose(state, runner)
    runner.read()
    runner.open_newest_running()
    # In the background: polling is not work that the page should look busy with.
    pn.io.PeriodicCallback(
        callback=lambda: _tick(runner), period=settings.poll_milliseconds, background=True
    ).start()
    return page


def _tick(runner: Runner) -> None:
    """Look for news, if anybody looks at the page: a session outlives its browser for a while."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = context.session if isinstance(context, BokehSessionContext) else None
    if session is not None and not session.connection_count:
        return
    with pn.io.hold():
        runner.tick()


def compose(state: AppState, runner: Runner) -> Page:
    """Controls and views of one session, laid out."""
    explore = pn.Column(
        pn.Row(
            CellsView(state),
            CorrelationView(state),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["cards"],
            stylesheets=[html.STYLES],
        ),
        LoadingsView(state),
        sizing_mode="stretch_both",
        margin=0,
        css_classes=["explore"],
        stylesheets=[html.STYLES],
    )
    tabs = pmui.Tabs(
        ("Data", DataView(state)), ("Explore", explore), sizing_mode="stretch_both", margin=0
    )

    def show(event: param.parameterized.Event) -> None:
        if event.new is not None:
            tabs.active = EXPLORE

    state.param.watch(show, "run")
    page = Page(
        title="Logratio",
        favicon=ASSETS / "logo.svg",
        header=[html.pane(html.bound(_header, state.param.summary, state.param.status))],
        sidebar=[
            DataControl(state, runner),
            ModelControl(state),
            RunControl(state, runner),
            RunsControl(state, runner),
        ],
        main=[tabs],
        sidebar_width=308,
        theme_config=THEME,
        sx=CHROME,
        raw_css=[(ASSETS / "shell.css").read_text("utf-8")],
        busy_indicator=None,
    )
    # Left alone, the page follows a counter of all sessions, and each tells all others.
    with edit_readonly(page):
        page.busy = False
    return page


def _header(summary: CountsSummary | None, status: JobStatus | None) -> str:
    data = ""
    if summary is not None:
        data = f"{summary.name} · {summary.n_cells:,} cells × {summary.n_genes:,} genes"
    if status is None:
        return html.crumbs(data, "", "")
    return html.crumbs(data, status.name, status.state)
