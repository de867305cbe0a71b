"""The commands that show or film what the window shows, one file each, as in `core.command_line`."""
