"""Every Python that finds this folder on its path trains slowly while a file is there, and saves
its states often: a test has no hours, and yet has to stop trainings while they run.

Steps sleep instead of reckoning longer, so that the machine is free for others, and what is trained
is the same.
"""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from time import sleep

SECONDS_A_STEP = 2.0
SAVE_EVERY = 1.0
SLOW = Path(os.environ["SLOW_WHILE_THERE"])


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
                if SLOW.exists():
                    sleep(SECONDS_A_STEP)
                save(self, state)

            module.Saving.now_and_then = now_and_then

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Slowly)
