"""The addresses and ports that this server listens on."""

from __future__ import annotations

import socket
import sys
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop

Address = IPv4Address | IPv6Address


@cache
def tell_once(login: bool) -> None:
    """Log once who can reach the server: `panel serve` always names localhost."""
    addresses = _listening()
    if not addresses:
        return
    words = (f"{'all addresses' if a.is_unspecified else a} port {p}" for a, p in addresses)
    # All addresses are two sockets, of IPv4 and of IPv6.
    where = ", ".join(dict.fromkeys(words))
    who = "those who log in" if login else "everybody who reaches it, without a login"
    print(f"Logratio listens on {where}: open to {who}.", file=sys.stderr, flush=True)
    if not login and any(not address.is_loopback for address, _ in addresses):
        print(
            "Start it with --address localhost to keep it to this machine, or with a login.",
            file=sys.stderr,
            flush=True,
        )


def own_address(request: HTTPServerRequest) -> Address | None:
    """The address of this machine that received a request; None for a socket without one."""
    stream = getattr(request.connection, "stream", None)
    made = getattr(stream, "socket", None)
    return _address(made) if made is not None else None


def _listening() -> list[tuple[Address, int]]:
    loop = IOLoop.current(instance=False)
    # Handlers of asyncio's loop, by file descriptor: pairs of a socket and a callback.
    waiting = list(getattr(loop, "handlers", {}).values())
    addresses = set()
    for made, _ in waiting:
        if not isinstance(made, socket.socket):
            continue
        address = _address(made)
        if address is not None and made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            addresses.add((address, made.getsockname()[1]))
    return sorted(addresses, key=str)


def _address(made: socket.socket) -> Address | None:
    if made.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        address = ip_address(made.getsockname()[0].split("%")[0])
    except (OSError, ValueError):
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
