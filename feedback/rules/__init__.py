"""Style rules: what they are, how feedback shows them, and which prompts override them."""
