"""The studies by name: values only, a file each."""

from experiments.configs import classifiers, controls, digits, digits_exact, gaussians, methods

STUDIES = {
    "digits": digits.STUDIES,
    "gaussians": gaussians.STUDIES,
    "digits-exact": digits_exact.STUDIES,
    "controls": controls.STUDIES,
    "controls-exact": controls.EXACT_STUDIES,
    "methods": methods.STUDIES,
    "classifiers": classifiers.STUDIES,
}
