"""What one instance needs: idempotent steps."""
