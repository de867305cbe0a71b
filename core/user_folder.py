"""Where the program keeps what it remembers between runs: the recent list, the window's layout, poses of photos."""

import os
import sys
from pathlib import Path


def user_folder() -> Path:
    """The folder in the place that the system names; it need not exist yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "firstlight"
