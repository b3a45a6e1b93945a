"""That the log cannot go back or fork unseen: its keys, its mark on another path, what leaves the machine."""
