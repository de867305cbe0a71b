"""What crosses between the window's thread and the session's: immutable requests, frames and status. Imports `core`
only.
"""
