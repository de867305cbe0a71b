"""What panels say and plot, without widgets: pure functions of status and settings."""
