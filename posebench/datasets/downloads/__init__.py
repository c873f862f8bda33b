"""What `posebench data download` fetches from whom, and how a file comes over a line that may break."""
