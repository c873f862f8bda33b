"""What several lifters are built of: attention, transformer blocks, graph convolutions."""
