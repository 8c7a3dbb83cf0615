"""The HTTP routes that need an admin's key, one module per resource."""
