"""How fast machines are: what a forecast multiplies work with. `maskpolicy calibrate` measures it.

Work of networks is counted in weights that tokens meet: a token that goes through a matrix of a
million weights is a million of them, and a training step counts them once, for its 6 FLOPs each.
"""

from pathlib import Path

from maskpolicy.records import JsonRecord
from maskpolicy.specs import NotNegative, Positive


class DeviceRates(JsonRecord):
    """How fast networks are on a device: a core of a processor, or a GPU."""

    name: str  # what it is, and where the figures are from
    training: Positive  # weights x tokens a second, forward and backward
    inference: Positive  # likewise, forward alone
    update: Positive  # weights a second that AdamW changes
    layer: NotNegative  # seconds that a layer takes, however little is in it
    start: NotNegative  # seconds until a job has loaded what it trains with
    memory: Positive  # MB that it takes of the machine by then
    bytes: Positive  # of a number that is kept for the backward pass
    watts: Positive


class Rates(JsonRecord):
    """How fast a machine is: all that forecasts know of it."""

    cpu: DeviceRates
    gpu: DeviceRates
    start: NotNegative  # seconds until a job without networks works
    start_compiled: NotNegative  # likewise one that cuts or masks tokens
    fetching: Positive  # bytes of files a second
    sharding: Positive  # tokens a second
    annotation: Positive  # tokens a second
    counting: Positive  # tokens a second, of statistics of a corpus
    masking: Positive  # tokens a second, of policies without a network; a mask counts each
    example: NotNegative  # seconds to prepare, check or score one of a task

    def watts(self, *, gpu: bool) -> str:
        """What energy is estimated with, in words; `gpu`: whether networks are on one."""
        core = f"{self.cpu.watts:g} W a core"
        return f"{self.gpu.watts:g} W a GPU, {core}" if gpu else core


A_CORE = DeviceRates(
    name="a core of an AMD EPYC, of two, float32, as measured",
    training=1.0e10,
    inference=3.0e10,
    update=2.5e8,
    layer=0.001,
    start=5.0,
    memory=650,
    bytes=4,
    watts=10,
)

AN_A100 = DeviceRates(
    name="an A100, not measured: 30 % of its 312 TFLOP/s in training, and its board's 400 W",
    training=0.30 * 312e12 / 6,
    inference=0.30 * 312e12 / 2,
    update=5e10,  # 28 bytes of each weight through 1.5 TB/s
    layer=0.0005,  # the launches of its kernels
    start=20.0,
    memory=4000,
    bytes=2,
    watts=400,
)

USUAL_RATES = Rates(
    cpu=A_CORE,
    gpu=AN_A100,
    start=0.7,
    start_compiled=1.4,
    fetching=5e6,
    sharding=3e5,
    annotation=8e3,
    counting=1e6,
    masking=2e7,
    example=5e-5,
)
"""Of two cores as they were measured, and of a GPU as its data sheet says."""


def rates_of(path: Path | None) -> Rates:
    """Those of a file, or the usual ones. Raises ArtefactError, naming the file and key."""
    return USUAL_RATES if path is None else Rates.read(path)
