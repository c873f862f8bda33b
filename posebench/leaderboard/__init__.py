"""Tables that are a pure function of the committed records."""
