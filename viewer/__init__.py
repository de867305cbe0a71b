"""Firstlight's window and the session behind it. Only `window.py` and `panels/` know Dear PyGui."""

__version__ = "0.1.0"
