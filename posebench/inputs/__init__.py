"""What a lifter is shown: 2D sources and the inputs half of a protocol."""
