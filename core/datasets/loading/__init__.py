"""What the formats share: frames, images, masks, lenses, and how they become a dataset."""
