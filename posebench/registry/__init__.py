"""Who is there: lifters, data sets, protocols, their manifest and the plug-ins that bring them."""
