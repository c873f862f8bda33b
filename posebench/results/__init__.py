"""Records: the evidence behind every number."""
