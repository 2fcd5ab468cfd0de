"""The merchant's side: serial port, signed journal, views, and the desk that command line and screens ask."""
