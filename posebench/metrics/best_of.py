"""The numbers of hypotheses at which the field reports best-of-m. A leaf without torch: protocols name them."""

BEST_OF = (1, 5, 10, 50, 200)
