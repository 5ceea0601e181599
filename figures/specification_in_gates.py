"""The specification curve in whose universes the switches of synthesis are drawn too."""

import sys

from figures import output
from figures.specification import make

if __name__ == "__main__":
    sys.exit(output.run_script(make, __doc__))
