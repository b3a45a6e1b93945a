"""What admins wrote: files in, one immutable checked snapshot out, and the decision on it."""
