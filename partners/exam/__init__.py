"""Exam centers and enterprises that assess: client and contract."""
