"""Backups: taken while the daemon runs, checked to the last byte, restored without sending anything twice."""
