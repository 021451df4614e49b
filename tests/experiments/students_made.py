"""A teacher of eight channels, its student of guidance, and the rounds that halve its steps, for all tests of distillation."""

from experiments.networks import UNet
from experiments.objectives.denoising import Denoising
from experiments.pricing.devices import DEVICES
from experiments.pricing.machine import Listed
from experiments.tasks.fit import Fit
from experiments.tasks.students import guided_student, halved
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits

FIT = Fit(steps=12, batch=16, lr=2e-3, warmup=2, checkpoint_every=4, ema=0.5)
TEACHER = Train(world=Digits(), network=UNet(width=8, multipliers=(1,), attention=()), objective=Denoising(), fit=FIT)
STUDENT = guided_student(TEACHER, FIT)
ROUNDS = halved(STUDENT, FIT, 16, 4)
LISTED = Listed(DEVICES["h100"], utilisation=0.5)
