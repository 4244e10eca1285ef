"""Text that spark is trained on, all of it made here from a seed."""
