"""The page: builds controls and views around one AppState, and polls through the runner."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import holoviews as hv
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.server.contexts import BokehSessionContext
from panel.io.resources import get_dist_path
from panel.reactive import Syncable
from panel.util.parameters import edit_readonly
from panel_material_ui.template.base import Page

from dashboard import actions, guard, guide, html, link, logins, people, startup
from dashboard.address import follow
from dashboard.browser import Browser
from dashboard.cards import catalogue
from dashboard.controls.data import DataControl
from dashboard.controls.model_form import ModelControl
from dashboard.controls.run import RunControl
from dashboard.controls.run_list import RunsControl
from dashboard.opener import crumbs
from dashboard.report.control import ReportControl
from dashboard.runner import Runner
from dashboard.server_settings import Settings
from dashboard.services import Services
from dashboard.state import AppState
from dashboard.tab_names import tab_names
from dashboard.theme import CHROME, COOKIE, LOGIN, THEME

ASSETS = Path(__file__).resolve().parent.parent / "assets"

# A click that overtakes the change of a widget is processed together with it, and Panel then
# leaves out the document's lock, without which no Bokeh figure may be changed.
Syncable._event_coroutine.lock = True  # type: ignore[attr-defined]
# Milliseconds that a changed widget waits for others that change with it; 50 are noticeable.
Syncable._debounce = 5
# Milliseconds until a page that was opened on another tab builds the Data tab.
SOON = 2000


@functools.cache
def services() -> Services:
    """Start the services that all sessions of this server share, and their warm-up."""
    # Import the cards now: no page waits for them.
    for name in tab_names():
        catalogue.cards(name)
    # Exclude the libraries from garbage collection, which would walk through them while somebody
    # waits. Before the first session has a state: frozen objects are never freed.
    gc.collect()
    gc.freeze()
    settings = Settings()
    made = Services.of(settings)
    startup.preload(made, settings.source)
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    if context is None or context.server_context is None:
        # `panel serve --warm`: nobody waits yet.
        made.embedder.compile_images()
    startup.keep_clean(made)
    return made


def build(settings: Settings | None = None, shared: Services | None = None) -> Page:
    """The page of one session.

    Parameters
    ----------
    settings
        From the environment by default.
    shared
        What all sessions of the server share; made once by default.
    """
    guard.install()
    pn.config.page_config = {  # type: ignore[misc]
        "title": "Logratio",
        "favicon": str(ASSETS / "logo.svg"),
        "logo": str(ASSETS / "logo.svg"),
        "theme_config": LOGIN,
    } | pn.config.page_config
    pn.extension("tabulator")
    hv.extension("bokeh")
    # Plots of a few bars; software rendering, where there is no GPU, makes WebGL slow.
    hv.renderer("bokeh").webgl = False
    document = pn.state.curdoc
    if document is not None:
        # A browser that joins after its unused session has ended gets another session, for which no
        # page is rendered: by default, Panel lets it fetch stylesheets from another host.
        document.template_variables.setdefault("dist_url", get_dist_path())
    settings, shared = settings or Settings(), shared or services()
    shared = people.services_of(shared, logins.who(), settings.quota_bytes)
    if pn.state.cookies.get(COOKIE) == "dark":
        pn.config.theme = "dark"  # type: ignore[misc]
    state = AppState(source=settings.source)
    runner = Runner(state, shared)
    browser = Browser(actions.SEARCH)
    search = pn.state.location.search if pn.state.location else ""
    requested = link.read(search)[0]
    if requested.run is not None:
        # The run is read while the page is built, the tab in front first.
        runner.open(requested.run)
    if state.run is not None:
        state.tab = requested.tab or "explore"
    else:
        runner.read()
    page = compose(state, runner, browser)
    follow(state, runner, browser, search)
    # Counts that another session has read are in the page from the start.
    runner.tick()
    if document is not None:
        # A document keeps models that no browser has fetched, and the frozen one is never freed.
        document.on_session_destroyed(lambda _: document.models.flush_synced())
    # In the background, so that polling does not make the page look busy. Weak, because the
    # document of the first session is kept for as long as the server lives.
    tick = functools.partial(_tick, weakref.ref(runner))
    pn.io.PeriodicCallback(
        callback=tick, period=settings.poll_milliseconds, background=True
    ).start()
    return page


def _tick(reference: weakref.ref[Runner]) -> None:
    """Poll, unless the browser has gone: a session outlives it for a while."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = context.session if isinstance(context, BokehSessionContext) else None
    if session is not None and not session.connection_count:
        return
    runner = reference()
    if runner is not None:
        with pn.io.hold():
            runner.tick()


def compose(state: AppState, runner: Runner, browser: Browser | None = None) -> Page:
    """Controls and views of one session, laid out."""
    browser = browser or Browser(actions.SEARCH)
    actions.connect(browser, state)
    state.param.watch(lambda event: browser.notify(event.new), "run_error")
    tabs = pmui.Tabs(
        *_views(state, runner, browser),
        active=tab_names().index(state.tab),
        sizing_mode="stretch_both",
        margin=0,
    )
    # One tab is visible at a time, so the minimal heights of all tabs must not add up.
    tabs._direction = None  # type: ignore[misc, assignment]
    _keep_in_step(tabs, state)
    others = _busy_watchers()
    of = state.param
    run = RunControl(state, runner)
    report = ReportControl(state, runner.services.jobs, browser)
    page = Page(
        title="Logratio",
        favicon=ASSETS / "logo.svg",
        header=[
            html.pane(html.bound(_header, of.summary, of.status, of.brought, of.reading)),
            html.pane(guide.BUTTON, sizing_mode=None, width=18, align="center"),
            *([html.pane(html.person(runner.services.who))] if runner.services.who else []),
        ],
        sidebar=[
            DataControl(state, runner, browser),
            ModelControl(state, run.settings),
            RunsControl(state, runner, browser, report),
            run.course,
            run,
        ],
        main=[tabs, browser, guide.Guide()],
        sidebar_width=308,
        theme_config=THEME,
        sx=CHROME,
        raw_css=[(ASSETS / "shell.css").read_text("utf-8")],
        busy_indicator=None,
    )
    page.param.watch(
        lambda event: browser.remember(COOKIE, "dark" if event.new else "light"), "dark_theme"
    )
    # By default the page follows Panel's busy counter of all sessions, which sends every change to
    # all of them and keeps every page alive for ever.
    with edit_readonly(page):
        page.busy = False
    for watcher in _busy_watchers():
        if watcher not in others:
            pn.state.param.unwatch(watcher)
    return page


def _views(state: AppState, runner: Runner, browser: Browser) -> list[tuple[str, pn.Column]]:
    """Title and content of each tab; a view is built when it is needed."""
    look = {"sizing_mode": "stretch_both", "margin": 0, "stylesheets": [html.STYLES]}
    columns = {name: pn.Column(css_classes=["unbuilt"], **look) for name in tab_names()}

    def add(name: str) -> None:
        if not len(columns[name]):
            view = catalogue.tab(name)(state, browser, runner)
            columns[name].param.update(objects=[view], css_classes=[])

    state.param.watch(lambda event: add(event.new), "tab")
    add(state.tab)
    # After the page is shown: the tab for a new fit, then the one whose figures a report needs.
    pn.state.onload(functools.partial(add, "explore"))
    pn.state.onload(functools.partial(_soon, functools.partial(add, "data")))
    return [(name.capitalize(), column) for name, column in columns.items()]


def _soon(action: Callable[[], None]) -> None:
    doc = pn.state.curdoc
    if doc is None or doc.session_context is None:
        action()
    else:
        doc.add_timeout_callback(action, SOON)


def _busy_watchers() -> list[param.parameterized.Watcher]:
    return list(pn.state.param.watchers.get("busy", {}).get("value", ()))


def _keep_in_step(tabs: pmui.Tabs, state: AppState) -> None:
    """Keep ``state.tab`` and the tab in front equal; an opened run brings Explore to the front."""
    names = tab_names()

    def turn(event: param.parameterized.Event) -> None:
        state.tab = names[event.new]

    def follow(event: param.parameterized.Event) -> None:
        tabs.active = names.index(event.new)

    def look(event: param.parameterized.Event) -> None:
        if event.new is not None and state.tab == "data":
            state.tab = "explore"

    tabs.param.watch(turn, "active")
    state.param.watch(follow, "tab")
    state.param.watch(look, "run")


def _header(*shown: Any) -> str:
    return html.crumbs(*crumbs(*shown))
