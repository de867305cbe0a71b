"""What crosses between the window and the session: the session's interface, and immutable requests, frames and status.
Imports `core` only.

The window makes requests and reads the newest frame and status; the session's worker owns everything else. No torch
object crosses, and numpy arrays are not written to after they are handed over.
"""
