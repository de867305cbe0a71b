"""What is drawn over a rendered view: arrays in, arrays out."""
