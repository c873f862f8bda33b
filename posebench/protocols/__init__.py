"""How a benchmark is scored, as values: named, versioned, hashed."""
