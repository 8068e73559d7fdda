"""The person who has logged in, by the cookie that the browser sends."""

from __future__ import annotations

from collections.abc import Mapping

import panel as pn
from tornado.web import decode_signed_value


def person(cookies: Mapping[str, str]) -> str:
    """Name in the signed cookie of a login; empty if there is no valid one.

    Not `pn.state.user`: there, a cookie that anybody can write makes them "guest".
    """
    cookie, secret = cookies.get("user"), pn.config.cookie_secret
    if not cookie or not secret:
        return ""
    name = decode_signed_value(secret, "user", cookie, max_age_days=pn.config.oauth_expiry)
    return "" if name is None else name.decode("utf-8")
