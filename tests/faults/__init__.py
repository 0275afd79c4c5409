"""Faults on purpose: runs killed, starved and lied to by the file system, and what must hold afterwards."""
