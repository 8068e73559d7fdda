"""Pages that are closed without a login, with real servers and plain clients."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id, get_session_id
from tornado.web import create_signed_value

from tests.dashboard.web import APP, ask, log_in, send_along, socket
from tests.server import ROOT, Server, serve

# Servers of their own.
pytestmark = pytest.mark.slow

SECRET = "a secret of these tests"
NAMED = f"{APP}print('who:', repr(logins.who()), flush=True)\n"
ROUTES = """
from tornado.web import RequestHandler


class Custom(RequestHandler):
    def get(self):
        self.write("secret")

    post = put = get


ROUTES = [(r"/custom", Custom, {})]
"""
PAGES = ("/", "/named", "/named/", "/named?run=1", "/named/metadata")
CLOSED = ("/custom", "/session_info", "/rest/session_info", "/liveness", "/admin")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("login")
    app, known = folder / "named.py", folder / "people.json"
    app.write_text(NAMED)
    (folder / "routes.py").write_text(ROUTES)
    known.write_text(json.dumps({"ada": "x", "b\u00f6b": "y"}))
    flags = ["--warm", "--rest-session-info", "--liveness", "--admin", "--plugins", "routes"]
    flags += ["--basic-auth", str(known), "--cookie-secret", SECRET]
    with serve(folder, *flags, app=app, PYTHONPATH=f"{ROOT}:{folder}") as server:
        yield server


def origin(server: Server) -> str:
    return "http://" + urlsplit(server.url).netloc


def who(server: Server) -> str:
    return re.findall(r"who: '(.*)'", server.log.read_text("utf-8"))[-1]


@pytest.mark.parametrize("path", PAGES)
def test_without_a_login_pages_lead_to_it(server: Server, path: str) -> None:
    status, headers, text = ask(server, path)
    if status == 302 and "login" not in headers["Location"]:
        status, headers, text = ask(server, headers["Location"])
    assert status == 302
    assert headers["Location"].lstrip(".").startswith("/login")
    assert "token" not in text


@pytest.mark.parametrize("path", [*CLOSED, "/named/autoload.js?bokeh-autoload-element=a"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_without_a_login_all_else_is_closed(server: Server, path: str, method: str) -> None:
    status, _, text = ask(server, path, method, Content_Length="0")
    assert status in ({302, 403} if method == "GET" else {403, 405})
    assert "secret" not in text
    assert "sessions" not in text


def test_without_a_login_files_of_the_page_are_open(server: Server) -> None:
    assert ask(server, "/static/js/bokeh.min.js")[0] == 200
    assert ask(server, "/login")[0] == 200


def test_without_a_login_the_websocket_is_closed(server: Server) -> None:
    assert socket(server, Origin=origin(server)) == 403
    assert socket(server) == 403


@pytest.mark.parametrize(
    "cookie",
    [
        "user=ada",
        "is_guest=1",
        "user=" + create_signed_value("another", "user", "ada").decode(),
        "user=" + create_signed_value(SECRET, "id_token", "ada").decode(),
        "user=" + create_signed_value(SECRET, "user", "ada", clock=lambda: 1e9).decode(),
    ],
)
def test_a_forged_or_old_cookie_opens_nothing(server: Server, cookie: str) -> None:
    assert socket(server, Origin=origin(server), Cookie=cookie) == 403
    assert ask(server, "/named", Cookie=cookie)[0] == 302
    assert ask(server, "/custom", Cookie=cookie)[0] == 403


def test_a_wrong_password_opens_nothing(server: Server) -> None:
    for name, password in (("ada", "y"), ("eve", "x"), ("", ""), ("ada", "")):
        assert log_in(server, name, password) == "" or "user=" not in log_in(server, name, password)


@pytest.mark.parametrize(("name", "password"), [("ada", "x"), ("b\u00f6b", "y")])
def test_with_a_login_the_page_knows_who_it_is(server: Server, name: str, password: str) -> None:
    cookie = log_in(server, name, password)
    status, headers, text = ask(server, "/named", Cookie=cookie)
    assert status == 200
    assert "Content-Security-Policy" in headers
    assert who(server) == name
    token = re.findall(r'"token":"([^"]+)"', text)[0]
    assert socket(server, token, Origin=origin(server), Cookie=cookie) == 101
    # The token alone opens nothing.
    assert socket(server, token, Origin=origin(server)) == 403
    assert ask(server, "/custom", Cookie=cookie)[2] == "secret"
    assert ask(server, "/session_info", Cookie=cookie)[0] == 200
    # The people who may see the log and all sessions must be named.
    assert ask(server, "/admin", Cookie=cookie)[0] == 403


def test_another_page_opens_no_websocket_with_somebodys_cookie(server: Server) -> None:
    cookie = log_in(server, "ada", "x")
    assert socket(server, Origin="http://evil.test", Cookie=cookie) == 403
    # Programs other than browsers send no origin; their cookie identifies them.
    token = re.findall(r'"token":"([^"]+)"', ask(server, "/named", Cookie=cookie)[2])[0]
    assert socket(server, token, Cookie=cookie) == 101


def test_a_token_that_was_made_up_makes_nobody_somebody_else(server: Server) -> None:
    cookie = log_in(server, "ada", "x")
    for made_up in ({"user": "b\u00f6b"}, {"is_guest": "1"}, {}):
        payload = {"cookies": made_up, "headers": {}, "arguments": {}}
        token = generate_jwt_token(generate_session_id(), extra_payload=payload)  # type: ignore[arg-type]
        assert socket(server, token, Origin=origin(server), Cookie=cookie) == 403


def test_nobody_joins_the_session_of_another(server: Server) -> None:
    ada, other = log_in(server, "ada", "x"), log_in(server, "b\u00f6b", "y")
    token = re.findall(r'"token":"([^"]+)"', ask(server, "/named", Cookie=ada)[2])[0]
    assert socket(server, token, Origin=origin(server), Cookie=other) == 403
    # a token of one's own that names another person's session
    mine = dict(SimpleCookie(other).items())
    payload = {"cookies": {"user": mine["user"].value}, "headers": {}, "arguments": {}}
    made_up = generate_jwt_token(get_session_id(token), extra_payload=payload)  # type: ignore[arg-type]
    assert socket(server, made_up, Origin=origin(server), Cookie=other) == 403
    assert socket(server, "made-up", Origin=origin(server), Cookie=other) == 403
    # a link that names the session to join
    for path in ("/named", "/named/autoload.js"):
        assert ask(server, f"{path}?bokeh-session-id={'a' * 40}", Cookie=ada)[0] == 403
        assert ask(server, f"{path}?bokeh-token={token}", Cookie=ada)[0] == 403
        assert ask(server, path, Cookie=ada, Bokeh_Session_Id="a" * 40)[0] == 403
    assert socket(server, token, Origin=origin(server), Cookie=ada) == 101


def test_logging_out_takes_the_cookie_away(server: Server) -> None:
    _, headers, _ = ask(server, "/logout", Cookie=log_in(server, "ada", "x"))
    assert 'user=""' in headers["Set-Cookie"]


def test_the_log_says_that_a_login_is_needed_and_has_no_complaint(server: Server) -> None:
    assert "open to those who log in" in server.log.read_text("utf-8")
    assert server.complaints() == []


class Provider(http.server.BaseHTTPRequestHandler):
    """Stands in for a provider of logins: everybody is ada."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/user"):
            good = self.headers["Authorization"] == "Bearer good-token"
            self._say(200, {"email": "ada@lab.test"} if good else {})
            return
        back = urlencode({"code": "good-code", "state": query["state"][0]})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri'][0]}?{back}")
        self.end_headers()

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        good = body["code"] == ["good-code"] and body["client_secret"] == ["the-secret"]
        self._say(200 if good else 400, {"access_token": "good-token"} if good else {"error": "no"})

    def _say(self, status: int, body: dict[str, str]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *parts: object) -> None:
        return


@pytest.fixture(scope="module")
def oauth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("oauth")
    app = folder / "named.py"
    app.write_text(NAMED)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider) as provider:
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{provider.server_port}"
        urls = {
            "AUTHORIZE_URL": f"{site}/authorize",
            "TOKEN_URL": f"{site}/token",
            "USER_URL": f"{site}/user",
        }
        flags = ["--warm", "--oauth-provider", "generic", "--oauth-key", "logratio"]
        flags += ["--oauth-secret", "the-secret", "--cookie-secret", SECRET]
        flags += ["--oauth-extra-params", repr(urls)]
        with serve(folder, *flags, app=app) as server:
            yield server
        provider.shutdown()


def test_a_provider_of_logins_is_asked_and_believed(oauth: Server) -> None:
    assert ask(oauth, "/named")[0] == 302
    assert socket(oauth, Origin=origin(oauth)) == 403
    _, headers, _ = ask(oauth, "/login")
    there = headers["Location"]
    assert "/authorize" in there
    state = parse_qs(urlsplit(there).query)["state"][0]
    cookie = send_along(headers)
    back = f"/login?{urlencode({'code': 'good-code', 'state': state})}"
    status, headers, _ = ask(oauth, back, Cookie=cookie)
    assert status == 302
    cookie = send_along(headers)
    status, _, text = ask(oauth, "/named", Cookie=cookie)
    assert status == 200
    assert who(oauth) == "ada@lab.test"
    token = re.findall(r'"token":"([^"]+)"', text)[0]
    assert socket(oauth, token, Origin=origin(oauth), Cookie=cookie) == 101


@pytest.mark.parametrize("wrong", ["code", "state"])
def test_a_login_that_the_provider_did_not_give_is_refused(oauth: Server, wrong: str) -> None:
    _, headers, _ = ask(oauth, "/login")
    state = parse_qs(urlsplit(headers["Location"]).query)["state"][0]
    given = {"code": "good-code", "state": state} | {wrong: "made-up"}
    status, headers, _ = ask(oauth, f"/login?{urlencode(given)}", Cookie=send_along(headers))
    assert status >= 400
    assert "user=2" not in send_along(headers)
