"""What one room asks of another: protocols, and no code."""
