"""Access rules of the server: which requests it refuses, and the headers of every answer.

Panel builds its web server before it runs `app.py`, so the rules wrap the server's class: under a
bare ``panel serve`` they hold once the app's code has run, under ``--warm``
(``make serve``) from the first request on.
"""

from __future__ import annotations

import inspect
import os
import re
import secrets
import sys
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.tornado import BokehTornado
from bokeh.server.util import check_allowlist, match_host
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.settings import settings as bokeh_settings
from bokeh.util.token import get_session_id, get_token_payload
from panel.io.admin_auth import admin_protected, is_admin_application
from panel.io.server import AutoloadJsHandler, ComponentResourceHandler, SessionInfoHandler
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import Application, OutputTransform, RequestHandler, StaticFileHandler

from dashboard import listening, logins

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+?)\.?(:\d{1,5})?", re.IGNORECASE | re.ASCII)
SCRIPT = re.compile(rb"<script(?=[\s>])", re.IGNORECASE)
READING = ("GET", "HEAD", "OPTIONS")
# Bokeh compiles templates and validators (unsafe-eval), Panel its components (blob:), and both
# write styles. Scripts in the page carry the nonce of their answer; handlers in attributes do not.
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
NAMES = """Expected: one of the names that this server is known by.
Found: {received}.
Do: add it by --allow-websocket-origin or LOGRATIO_HOSTS if it is one of them.
"""
ORIGIN = """Expected: a request from a page of this server{or_login}.
Found: {received}.
Do: open the page by its own address; behind a proxy, add that by --allow-websocket-origin.
"""
LOGIN = """Expected: somebody who has logged in.
Found: nobody.
Do: log in on the page of this server first.
"""
PROTECT = """Expected: a server that says who may see this ({flags}).
Found: one that shows it to everybody.
Do: start it with one of these, or without this page.
"""


BORROWED = """Expected: a page of whoever has logged in here.
Found: {received}.
Do: open the page by its address, without a session of another.
"""
COMPONENT = """Expected: a file of a component of the page.
Found: one of another module.
Do: open the page by its address.
"""
# Packages whose components have files that browsers fetch.
COMPONENTS = ("panel", "panel_material_ui", "dashboard")


def install() -> None:
    """Apply the rules to every server of this process, including running ones."""
    if "find_handler" not in vars(BokehTornado):
        BokehTornado.find_handler = _find_handler  # type: ignore[method-assign, assignment]


def has_login(application: Application) -> bool:
    """Whether people log in on a server."""
    provider = getattr(application, "auth_provider", None)
    return provider is not None and bool(provider.get_user or provider.get_user_async)


def _find_handler(self: BokehTornado, request: HTTPServerRequest, **more: Any) -> Any:
    listening.tell_once(has_login(self))
    if Headers not in self.transforms:
        self.transforms.insert(0, Headers)
    status, words = _wrong(self, request)
    if not status:
        delegate = Application.find_handler(self, request, **more)
        words = _unprotected(self, delegate) or _borrowed(self, request, delegate)
        if not words:
            if has_login(self) and _open(self, delegate.handler_class):
                delegate.handler_class = _closed(delegate.handler_class)
            return delegate
        status = 403
    return self.get_handler_delegate(request, Refusal, {"status": status, "words": words})


def _wrong(application: BokehTornado, request: HTTPServerRequest) -> tuple[int, str]:
    """HTTP status and message if the host or the origin of a request is not allowed; else 0."""
    patterns = list(bokeh_settings.allowed_ws_origin() or application.websocket_origins)
    if not _is_ours(request, patterns):
        return 400, NAMES.format(received=f"Host {request.host[:200]!r}")
    socket = _is_socket(request)
    headers = request.headers
    origin = headers.get("Origin") or (headers.get("Sec-Websocket-Origin") if socket else None)
    or_login = " or of somebody who has logged in"
    if origin is None:
        # Browsers always send it with a websocket; other programs need the cookie of a login.
        if socket and not has_login(application):
            return 403, ORIGIN.format(received="a websocket without Origin", or_login=or_login)
    elif socket or request.method not in READING:
        netloc = _netloc(origin)
        if netloc != request.host.lower() and not check_allowlist(netloc, patterns):
            return 403, ORIGIN.format(received=f"Origin {origin[:200]!r}", or_login="")
    return 0, ""


def _is_socket(request: HTTPServerRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_ours(request: HTTPServerRequest, patterns: list[str]) -> bool:
    """Whether the host of a request is this server, at any port: a tunnel or proxy has its own.

    A foreign name that resolves to this server would let a foreign page read what it shows.
    """
    match = HOST.fullmatch(request.host)
    if match is None:
        return False
    name = match[1].lower()
    if name == "localhost":
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        pass
    else:
        if address.is_loopback or address == listening.own_address(request):
            return True
    named = [part for part in re.split(r"[,\s]+", os.environ.get("LOGRATIO_HOSTS", "")) if part]
    bare = (re.sub(r":(\d+|\*)$", "", pattern.lower()) for pattern in (*patterns, *named))
    return any(match_host(name, pattern) for pattern in bare)


def _unprotected(application: BokehTornado, delegate: Any) -> str:
    """The refusal if everybody could see a page about the server and its sessions; else empty."""
    context = delegate.handler_kwargs.get("application_context")
    if context is not None and is_admin_application(context.application):
        return "" if admin_protected() else PROTECT.format(flags="--admin-users, --admin-password")
    if issubclass(delegate.handler_class, SessionInfoHandler) and not has_login(application):
        return PROTECT.format(flags="--basic-auth, --oauth-provider")
    return ""


def _borrowed(application: BokehTornado, request: HTTPServerRequest, delegate: Any) -> str:
    """The refusal of a request for a foreign module, or for somebody else's session; else empty."""
    if issubclass(delegate.handler_class, ComponentResourceHandler):
        # Panel imports whatever is named; some modules end the process.
        module = b"".join(delegate.path_args[:1]).decode("utf-8", "replace").split("/")[0]
        known = module in sys.modules and module.split(".")[0] in COMPONENTS
        return "" if known else COMPONENT
    context = delegate.handler_kwargs.get("application_context")
    if context is None or not has_login(application):
        return ""
    # A link must not name the session to join: its author would be in that session too.
    named = {"bokeh-session-id", "bokeh-token"} & set(request.arguments)
    if named or "Bokeh-Session-Id" in request.headers:
        return BORROWED.format(received="an address that names a session")
    if not _is_socket(request):
        return ""
    token = request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2].strip()
    try:
        joined, payloads = get_session_id(token), [get_token_payload(token)]
    except Exception:
        # A token is untrusted; it is decoded, unpacked and parsed, and any step may raise.
        return BORROWED.format(received="a token that cannot be read")
    for session in context.sessions:
        if session.id == joined:
            payloads.append(session.document.session_context.token_payload)
    name = logins.person({name: morsel.value for name, morsel in request.cookies.items()})
    if all(logins.person(dict(payload.get("cookies") or {})) == name for payload in payloads):
        return ""
    return BORROWED.format(received="the session of somebody else")


def _open(application: BokehTornado, handler: type[RequestHandler]) -> bool:
    """Whether `_closed` must still put a handler behind the login."""
    provider = application.auth_provider
    if issubclass(handler, AutoloadJsHandler):
        # It asks for a login itself, but then fails on the answer.
        return True
    free = (AuthRequestHandler, StaticFileHandler, IcoHandler)
    own = (provider.login_handler, provider.logout_handler)
    return not issubclass(handler, free) and handler not in own


def _closed(handler: type[RequestHandler]) -> type[RequestHandler]:
    """The same handler, for those who have logged in only."""

    async def prepare(self: RequestHandler) -> None:
        provider = self.application.auth_provider  # type: ignore[attr-defined]
        ask = provider.get_user_async or provider.get_user
        user = ask(self)
        if inspect.isawaitable(user):
            user = await user
        if not user:
            _refuse(self, 403, LOGIN)
            return
        before = handler.prepare(self)
        if before is not None:
            await before

    return type(handler.__name__, (handler,), {"prepare": prepare})


class Refusal(RequestHandler):
    """Answers a refused request with its error in three parts."""

    def initialize(self, status: int, words: str) -> None:
        """Keep the status and the message."""
        self._status, self._words = status, words

    def prepare(self) -> None:
        """Answer, whatever the method."""
        _refuse(self, self._status, self._words)


def _refuse(handler: RequestHandler, status: int, words: str) -> None:
    handler.set_status(status)
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    handler.set_header("Cache-Control", "no-store")
    handler.finish(words)


class Headers(OutputTransform):
    """Adds the security headers to every answer."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self._nonce = secrets.token_urlsafe(16)
        self._page = False

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Set the headers, and give the scripts of a page their nonce."""
        headers["Content-Security-Policy"] = POLICY.format(nonce=self._nonce)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        self._page = headers.get("Content-Type", "").startswith("text/html")
        if self._page:
            # A page from a cache would have another nonce than its headers.
            headers.setdefault("Cache-Control", "no-store")
            headers.pop("Etag", None)
            chunk = self.transform_chunk(chunk, finishing)
            if finishing and "Content-Length" in headers and chunk:
                headers["Content-Length"] = str(len(chunk))
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        """Give the scripts of a page their nonce."""
        if not self._page:
            return chunk
        return SCRIPT.sub(b'<script nonce="' + self._nonce.encode() + b'"', chunk)
