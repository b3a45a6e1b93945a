"""Transparency logs as their standards write them: tree, signed notes, checkpoints; nothing of ours."""
