"""Practice that the model proposes and the user approves before it counts.

What is kept of it, which kinds need it, and the rows it becomes.
"""
