"""What commands accept: options, confirmation, plan files."""
