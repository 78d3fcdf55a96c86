"""Every Python that finds this folder on its path trains slowly, and saves its states often.

A test has no hours, and yet has to stop a training while it runs. Steps sleep instead of reckoning
longer, so that the machine is free for others, and nothing that is trained changes.
"""

import os
import sys
from importlib.machinery import PathFinder
from time import sleep

SECONDS_A_STEP = float(os.environ.get("SECONDS_A_STEP", 0))
SAVE_EVERY = 1.0


class Slowly:
    """Finds the module of states as ever, and changes it as soon as it is loaded."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "maskpolicy.training.state":
            return None
        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.SAVE_EVERY = SAVE_EVERY
            save = module.Saving.now_and_then

            def now_and_then(self, state):
                sleep(SECONDS_A_STEP)
                save(self, state)

            module.Saving.now_and_then = now_and_then

        spec.loader.exec_module = exec_module
        return spec


if SECONDS_A_STEP:
    sys.meta_path.insert(0, Slowly)
