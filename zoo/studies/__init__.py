"""Studies: lifters of the zoo that differ in one part, trained alike, compared from committed records."""
