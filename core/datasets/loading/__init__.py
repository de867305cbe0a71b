"""What the formats share: reading frames, images, masks and lenses, and assembling them into a dataset."""
