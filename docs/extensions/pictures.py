"""Screenshots of the page: shown where `docs/screenshots.py` has made them, else left out."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

PICTURE = re.compile(r"^!\[[^\]]*\]\((_images/[\w.-]+)\)\n", re.MULTILINE)


def without_missing(text: str, folder: Path) -> str:
    """The Markdown without the lines that show a picture which is not in the folder."""
    return PICTURE.sub(lambda line: line[0] if (folder / line[1]).is_file() else "", text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    found = without_missing(source[0], Path(app.srcdir))
    if found != source[0]:
        logging.getLogger(__name__).info("%s is built without some of its pictures", name)
    source[0] = found


def setup(app: Sphinx) -> ExtensionMetadata:
    """Look at each page as it is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
