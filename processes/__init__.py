"""Composition roots and the `journeyman` command; only these know every room."""
