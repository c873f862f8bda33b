"""From an author's checkpoint to safetensors that one of our lifters loads strictly."""
