"""One file a method, METHODS the one registry.

A method is a frozen dataclass of its hyper-parameters. Called with the roles it declares it returns a guided
denoiser; w = 0 is the plain conditional model, for every method.
"""

from guidance.methods.classifier import ClassifierGuidance
from guidance.methods.classifier_free import ClassifierFree

METHODS = {method.name: method for method in (ClassifierGuidance, ClassifierFree)}
