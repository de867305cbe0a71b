"""Firstlight's window and the session behind it. Only `widgets`, `panels` and `window` import Dear PyGui."""

__version__ = "0.1.0"
