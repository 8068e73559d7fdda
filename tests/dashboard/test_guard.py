"""Requests that a server answers, and their headers, with a real server and plain clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.dashboard.web import APP, ask, socket
from tests.server import Server, serve

# Servers of their own.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guard")
    app = folder / "small.py"
    app.write_text(APP)
    flags = ("--warm", "--rest-session-info", "--admin", "--allow-websocket-origin", "lab.test")
    with serve(folder, *flags, app=app, LOGRATIO_HOSTS="named.test, other.test:81") as server:
        yield server


def port(server: Server) -> int:
    return urlsplit(server.url).port or 0


@pytest.mark.parametrize("path", ["/small", "/static/js/bokeh.min.js", "/favicon.ico", "/none"])
def test_every_answer_has_the_headers(server: Server, path: str) -> None:
    _, headers, _ = ask(server, path)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    script = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "'unsafe-inline'" not in script
    assert "*" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_all_scripts_of_a_page_have_the_nonce_of_its_policy_which_is_new_each_time(
    server: Server,
) -> None:
    nonces = set()
    for _ in range(2):
        status, headers, text = ask(server, "/small")
        assert status == 200
        assert int(headers["Content-Length"]) == len(text.encode())
        match = re.search(r"'nonce-([^']+)'", headers["Content-Security-Policy"])
        assert match is not None
        nonces.add(match[1])
        assert text.count("<script") == text.count(f'<script nonce="{match[1]}"') > 3
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost:81", "[::1]", "lab.test", "LAB.test.:80", "named.test", "other.test"],
)
def test_names_of_the_server_are_answered(server: Server, host: str) -> None:
    # Not the page itself: Panel cannot serve it under an IPv6 address.
    assert ask(server, "/favicon.ico", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:5006",
        "sub.lab.test",
        "localhost.evil.test",
        "8.8.8.8",
        "[::2]",
    ],
)
def test_another_name_is_refused_in_words(server: Server, host: str) -> None:
    for path in ("/small", "/static/js/bokeh.min.js", "/none"):
        status, headers, text = ask(server, path, Host=host)
        assert status == 400
        assert "Content-Security-Policy" in headers
        assert "LOGRATIO_HOSTS" in text
        assert host in text


@pytest.mark.parametrize("host", ["evil@localhost", "localhost, evil.test", "localhost/evil", ""])
def test_what_is_no_name_is_refused(server: Server, host: str) -> None:
    assert ask(server, "/favicon.ico", Host=host)[0] == 400


def test_a_page_of_this_server_opens_its_websocket(server: Server) -> None:
    own = f"127.0.0.1:{port(server)}"
    assert socket(server, Origin=f"http://{own}") == 101
    assert socket(server, Origin="https://lab.test", Host="lab.test") == 101
    assert socket(server, Origin="http://lab.test") == 101
    assert socket(server, Origin="http://named.test:9", Host="named.test:9") == 101


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://[", "http://localhost:1"])
def test_a_page_of_another_server_opens_no_websocket(server: Server, origin: str) -> None:
    assert socket(server, Origin=origin) == 403
    assert socket(server, Origin=origin, Sec_Fetch_Site="same-origin") == 403


def test_a_name_that_was_made_to_lead_here_opens_no_websocket(server: Server) -> None:
    evil = f"evil.test:{port(server)}"
    given = {"Host": evil, "Origin": f"http://{evil}", "Sec_Fetch_Site": "same-origin"}
    assert socket(server, **given) == 400


def test_a_websocket_without_an_origin_is_closed(server: Server) -> None:
    assert socket(server) == 403


def test_another_page_posts_nothing(server: Server) -> None:
    assert ask(server, "/small", "POST", "a=1", Origin="http://evil.test")[0] == 403


@pytest.mark.parametrize("path", ["/session_info", "/rest/session_info", "/admin"])
def test_pages_about_sessions_are_closed_where_nobody_logs_in(server: Server, path: str) -> None:
    status, _, text = ask(server, path)
    assert status == 403
    assert "Expected" in text
    assert "sessions" not in text


def test_the_log_says_what_is_listened_on(server: Server) -> None:
    log = server.log.read_text()
    assert f"listens on 127.0.0.1 port {port(server)}: open to everybody" in log
    assert "keep it to this machine" not in log
    assert server.complaints() == []


def test_without_warm_the_rules_begin_once_the_app_has_run(tmp_path: Path) -> None:
    app = tmp_path / "small.py"
    app.write_text(APP)
    with serve(tmp_path, app=app) as server:
        ask(server, "/small", Host="evil.test")
        assert ask(server, "/small", Host="evil.test")[0] == 400
        assert "Content-Security-Policy" in ask(server, "/favicon.ico")[1]


@pytest.mark.parametrize("module", ["unittest.__main__", "this", "panel.nothing"])
def test_nobody_has_a_module_loaded(server: Server, module: str) -> None:
    status, _, text = ask(server, f"/components/{module}/a/b/c")
    assert status == 403
    assert "another module" in text
    assert ask(server, "/small")[0] == 200


def test_files_of_components_are_served(server: Server) -> None:
    assert ask(server, "/components/panel.widgets.button/Button/_stylesheets/none")[0] == 403
    assert "another module" not in ask(server, "/components/panel.widgets.button/a/b/c")[2]
