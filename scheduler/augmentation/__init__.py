"""Examples and replies that the base writes: synthetic, revised, reference."""
