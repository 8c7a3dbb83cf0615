"""How much memory the server and its training child take."""
