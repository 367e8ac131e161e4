"""The console scripts, a module each."""

import sys
from pathlib import Path

from phin.cli.interrupts import begin_loading

if Path(sys.argv[0]).name.startswith("phin-"):  # and nobody else, who may have something at stake, imports a command
    begin_loading()
