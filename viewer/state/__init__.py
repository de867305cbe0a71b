"""What the window remembers: view, drafts, layout, recent scenes. Imports no widget and no torch object."""
