"""The built pages load nothing from another host: the build fails if one does."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ELSEWHERE = re.compile(r"\s*(?:\w+:)?//")
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:\w+:)?//[^"')\s;]+)""")
# What a browser fetches by itself; a link is followed by a person.
LOADING = {"src", "srcset", "poster", "data", "xlink:href"}
NOT_FETCHED = {"canonical", "next", "prev", "index", "search", "author", "license", "alternate"}


class _Loads(HTMLParser):
    """Collects the addresses on other hosts that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of one element."""
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            linked = tag == "link" and name == "href"
            linked = linked and not NOT_FETCHED.issuperset(given.get("rel", "").split())
            if (name in LOADING or linked) and ELSEWHERE.match(value):
                self.found.append(value)
            if name == "style":
                self.found += IN_STYLES.findall(value)


def loaded_from_elsewhere(folder: Path) -> list[str]:
    """What the pages and styles in a folder load from other hosts, each with the file it is in."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            text = path.read_text("utf-8")
            page = _Loads()
            page.feed(text)
            found += [f"{path.name}: {address}" for address in page.found]
        if path.suffix in {".html", ".css"}:
            text = path.read_text("utf-8")
            styles = text if path.suffix == ".css" else "".join(_styles(text))
            found += [f"{path.name}: {address}" for address in IN_STYLES.findall(styles)]
    return found


def _styles(text: str) -> list[str]:
    return re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL | re.IGNORECASE)


def _check(app: Any, failure: Exception | None) -> None:
    from sphinx.errors import ExtensionError

    outdir = Path(app.outdir)
    if failure is None and (found := loaded_from_elsewhere(outdir)):
        raise ExtensionError("The pages load from other hosts:\n" + "\n".join(found))


def setup(app: Any) -> dict[str, bool]:
    """Check what was built."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
