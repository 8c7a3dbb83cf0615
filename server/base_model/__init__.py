"""Which base model is served, what it takes on this machine, and which one would suit it better."""
