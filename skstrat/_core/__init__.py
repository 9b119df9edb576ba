"""Decisions from labels: no policy, no file. Private."""
