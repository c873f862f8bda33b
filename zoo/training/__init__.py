"""The training recipe of the zoo's frame and convolution lifters."""
