"""The command line, but trainings save their state several times a second instead of once a minute:
their moments of saving are what a kill should meet, and a test has no hours.
"""

from maskpolicy.cli import main
from maskpolicy.training import state

state.SAVE_EVERY = 0.1
state.SHARE_OF_TIME = 0.5

if __name__ == "__main__":
    main()
