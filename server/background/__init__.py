"""The server's own generation requests, and work that users do not wait for."""
