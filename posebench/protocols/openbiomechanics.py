"""Baseball pitching: the open rule at broadcast frame rates, and the zero-shot test on all identified pitchers."""

from posebench.datasets.openbiomechanics.adapter import INDOOR_RIGS
from posebench.protocols.open_sets import open_best_of_m, open_standard, open_transfer
from posebench.protocols.protocol import ProtocolFamily

#: 60 Hz is the form of its own, 30 Hz the other broadcast rate.
RATES = {"": "", "-30hz": "30hz"}
#: Zero-shot takes the training pitchers too: it is for lifters that were trained on none of them.
SPLITS = {"standard": "test", "zero-shot": "test+train"}


def families() -> list[ProtocolFamily]:
    """`openbiomechanics/standard` and `/zero-shot`, each at 60 Hz and at 30 Hz (`-30hz`), `/best-of-m`, and `/transfer` by every rig."""
    standard = [
        open_standard("openbiomechanics", "simulated", rule=rule + suffix, form=form, split=split)
        for rule, split in SPLITS.items()
        for suffix, form in RATES.items()
    ]
    transfer = [open_transfer("openbiomechanics", form, SPLITS["zero-shot"]) for form in ("", *INDOOR_RIGS)]
    return [*standard, open_best_of_m("openbiomechanics", "simulated"), *transfer]
