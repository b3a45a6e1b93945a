"""What the log means: which record says what, and the rules that no record may break."""
