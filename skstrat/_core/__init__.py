"""Decisions from labels, without files and without models. Private."""
