"""What a process shows of its work in numbers: measured through ports, shown on a listener of its own."""
