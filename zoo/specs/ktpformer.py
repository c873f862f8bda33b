"""What KTPFormer declares: its evaluation, and so its windows, are MixSTE's. Imports no torch."""

from zoo.specs.mixste import FRAMES as FRAMES
from zoo.specs.mixste import spec as spec
