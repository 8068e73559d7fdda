"""The person who has logged in, by the cookie that the browser sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import panel as pn
from tornado.web import decode_signed_value


def who() -> str | None:
    """Name of the person who is logged in to this session.

    None on a server without logins, or where all share one password and may choose any name;
    empty for a guest.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None or not _each_has_a_login():
        return None
    return person(pn.state.cookies)


def _each_has_a_login() -> bool:
    if pn.config.oauth_provider:
        return True
    known = pn.config.basic_auth
    if isinstance(known, str) and Path(known).is_file():
        try:
            known = json.loads(Path(known).read_text("utf-8"))
        except (OSError, ValueError):
            # Nobody can log in any more, but somebody may have before.
            return True
    return isinstance(known, dict)


def person(cookies: Mapping[str, str]) -> str:
    """Name in the signed cookie of a login; empty if there is no valid one.

    Not `pn.state.user`: there, a cookie that anybody can write makes them "guest".
    """
    cookie, secret = cookies.get("user"), pn.config.cookie_secret
    if not cookie or not secret:
        return ""
    name = decode_signed_value(secret, "user", cookie, max_age_days=pn.config.oauth_expiry)
    return "" if name is None else name.decode("utf-8")
