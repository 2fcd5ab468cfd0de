"""What is told of a month, of costs, and of other providers' offers."""
