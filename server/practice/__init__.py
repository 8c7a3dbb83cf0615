"""Practice that the model proposes: invented, answered, sifted, in the background.

What becomes of it is the user's decision; `feedback/proposals/` keeps that.
"""
