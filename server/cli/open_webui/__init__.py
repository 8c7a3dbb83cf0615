"""What `loralei connect open-webui` prints."""
