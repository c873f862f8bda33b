"""The first plug-in of posebench: lifters, their training recipe, their cards and small bundled weights."""
