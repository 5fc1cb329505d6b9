"""What commands take: options, confirmation, plan files."""
