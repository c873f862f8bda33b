"""Baseball pitching: the open rule at broadcast frame rates, and the zero-shot test on all identified pitchers."""

from posebench.protocols.open_sets import open_best_of_m, open_standard
from posebench.protocols.protocol import ProtocolFamily

#: 60 Hz is the form of its own, 30 Hz the other broadcast rate.
RATES = {"": "", "-30hz": "30hz"}
#: Zero-shot takes the training pitchers too: it is for lifters that were trained on none of them.
SPLITS = {"standard": "test", "zero-shot": "test+train"}


def families() -> list[ProtocolFamily]:
    """`openbiomechanics/standard` and `/zero-shot`, each at 60 Hz and at 30 Hz (`-30hz`), and `/best-of-m`."""
    standard = [
        open_standard("openbiomechanics", "simulated", rule=rule + suffix, form=form, split=split)
        for rule, split in SPLITS.items()
        for suffix, form in RATES.items()
    ]
    return [*standard, open_best_of_m("openbiomechanics", "simulated")]
