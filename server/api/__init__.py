"""HTTP routes, one file per resource, and the shapes they speak."""
