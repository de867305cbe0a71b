"""From a rendered view to the picture that is shown or saved. Imports `protocol`."""
