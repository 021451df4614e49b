"""One file a method, METHODS the one registry; CONTROLS are those that the papers say fail.

A method is a frozen dataclass of its hyper-parameters. Called with the roles it declares it returns a guided
denoiser; w = 0 is the plain conditional model, for every method.
"""

from guidance.methods.classifier import ClassifierGuidance
from guidance.methods.classifier_free import ClassifierFree
from guidance.methods.shrunk_noise import ShrunkNoise
from guidance.methods.temperature import Temperature

METHODS = {method.name: method for method in (ClassifierGuidance, ClassifierFree, Temperature, ShrunkNoise)}
CONTROLS = (Temperature.name, ShrunkNoise.name)
