"""The engine from a shell: ``python -m engine fit`` and the other commands of `engine.shell`."""

import sys

from engine.shell.parser import main

if __name__ == "__main__":
    sys.exit(main())
