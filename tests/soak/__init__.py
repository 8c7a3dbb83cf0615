"""A soak: 200 users for half an hour, while memory, open files and the database are watched."""
