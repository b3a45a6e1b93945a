"""What is published about vSphere's privileges, each statement with its source; what is not is unknown."""
