"""One module for each lifter."""
