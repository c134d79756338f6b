"""Families of tasks, a file each, and what they share."""
