"""The command line: thin functions over the Python ones."""
