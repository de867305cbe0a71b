"""What the command line does without a window. Nothing in core imports it."""
