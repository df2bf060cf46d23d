"""Everything that knows what a fax is."""
