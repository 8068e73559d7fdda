"""Plain HTTP and websocket clients for tests that need no browser."""

from __future__ import annotations

import http.client
from socket import create_connection
from urllib.parse import urlencode, urlsplit

from bokeh.util.token import generate_jwt_token, generate_session_id

from tests.server import Server

Answer = tuple[int, dict[str, str], str]
# A small app with the rules of the page around it.
APP = """
import panel as pn
from dashboard import guard, logins

guard.install()
pn.pane.Markdown("secret of the page").servable()
"""


def ask(server: Server, path: str, method: str = "GET", body: str = "", **headers: str) -> Answer:
    """Status, headers and body of the answer; underscores in names of headers become dashes."""
    site = urlsplit(server.url)
    connection = http.client.HTTPConnection(site.hostname or "", site.port, timeout=60)
    try:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, given)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        fields = dict(answer.getheaders())
        # The only header that may occur several times.
        fields["Set-Cookie"] = "\n".join(answer.headers.get_all("Set-Cookie", []))
        return answer.status, fields, text
    finally:
        connection.close()


def socket(server: Server, token: str = "", **headers: str) -> int:
    """Status of opening the websocket of the app; 101 if it then says hello, else 0."""
    site = urlsplit(server.url)
    given = {
        "Host": site.netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "bm90IG11Y2ggb2YgYSBrZXk=",
        "Sec-WebSocket-Protocol": f"bokeh, {token or generate_jwt_token(generate_session_id())}",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {site.path}/ws HTTP/1.1", *(f"{k}: {v}" for k, v in given.items()), "", ""]
    with create_connection((site.hostname, site.port), timeout=60) as there:
        there.sendall("\r\n".join(lines).encode())
        with there.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            while answer.readline().strip():
                pass
            # A text frame, not a close frame.
            return 0 if status == 101 and answer.read(1) != b"\x81" else status


def log_in(server: Server, name: str, password: str) -> str:
    """Cookies after a login; empty if it fails."""
    status, headers, _ = ask(
        server,
        "/login",
        "POST",
        urlencode({"username": name, "password": password}),
        Content_Type="application/x-www-form-urlencoded",
        Cookie="next_url=/",
    )
    return send_along(headers) if status == 302 and "error" not in headers["Location"] else ""


def send_along(headers: dict[str, str]) -> str:
    """Cookies of a browser after an answer."""
    return "; ".join(line.split(";")[0] for line in headers["Set-Cookie"].split("\n"))
