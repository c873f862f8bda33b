"""The referee refereed: values that the field's own evaluators gave, beside ours on the same inputs."""
