"""Mouse and keys as moves of the camera and of handles; pure functions. Imports `protocol` and `picture`."""
