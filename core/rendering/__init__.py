"""The one path from rays to pixels, and what measures it. Imports everything above: fields and samplers."""
