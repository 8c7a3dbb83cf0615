"""What can go wrong with the disk: found before and while the data folder is used."""
