"""The HTTP server under the application: uvicorn with limits for connections."""
