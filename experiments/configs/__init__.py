"""The studies: values only, a file a world."""

from experiments.configs import digits

STUDIES = {"digits": digits.STUDIES}
