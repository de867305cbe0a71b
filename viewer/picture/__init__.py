"""From a rendered view to the picture on screen or in a file: modes, overlays, comparisons. Imports `protocol`."""
