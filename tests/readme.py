"""The READMEs: their paths, and their Python blocks, which tests run verbatim."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"


def readmes() -> list[Path]:
    """README.md and the READMEs of folders."""
    folders = ("core", "viewer", "tests", "assets")
    return [README, *sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("README.md"))]


def python_blocks() -> list[str]:
    """All Python blocks in all READMEs."""
    texts = [path.read_text(encoding="utf-8") for path in readmes()]
    return [block for text in texts for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def python_block(word: str) -> str:
    """The only Python block in the READMEs that contains a word."""
    (found,) = [block for block in python_blocks() if word in block]
    return found
