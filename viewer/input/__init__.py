"""Turns mouse and keys into moves of the camera and of handles; pure functions. Imports `protocol` and `picture`."""
