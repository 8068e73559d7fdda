"""The Chromium that browser tests drive: the system's, or else Playwright's own.

``python -m tests.chromium`` makes sure that there is one which starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

# The first is the same browser without windows, which opens a page in about half the time.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
# It reaches this machine and nothing else.
OFFLINE = (
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
MISSING = """\
The browser tests need Chromium, and none could be started or installed.
Install Chromium or Google Chrome from your system's packages (Debian: apt-get install chromium),
or with a network: {python} -m playwright install --with-deps chromium
"""


def launch(playwright: Playwright) -> Browser:
    """Start the browser, headless."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    # Chromium refuses to sandbox itself for root, which containers usually are.
    arguments = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    return playwright.chromium.launch(
        executable_path=executable,
        args=[*arguments, *OFFLINE],
    )


def starts() -> str | None:
    """None if the browser starts, else why not."""
    try:
        with sync_playwright() as playwright:
            launch(playwright).close()
    except Error as error:
        return str(error).splitlines()[0]
    return None


def main() -> int:
    reason = starts()
    if reason is not None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        reason = starts()
    if reason is not None:
        print(reason, MISSING.format(python=sys.executable), sep="\n\n", file=sys.stderr)
    return int(reason is not None)


if __name__ == "__main__":
    sys.exit(main())
