"""From the owners' files to sequences of poses in one convention."""
