"""One file per panel of the window, and `registry`, which lists them. Imports `widgets` and every part above it."""
