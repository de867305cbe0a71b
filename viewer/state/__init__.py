"""What the window remembers: view, drafts, layout, recent scenes. Imports `input` and what stands above it; no widgets
and no torch.
"""
