"""A third party's package: the lifter `frontal`, the data set `skaters`, the protocol `skaters/upper-body`."""
