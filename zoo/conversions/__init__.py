"""How the checkpoints of public codebases become weights of the zoo's lifters: rules and facts, a file each."""
