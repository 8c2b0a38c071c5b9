"""`python -m stance` is the command `stance`."""

import sys

from stance.cli import main

sys.exit(main())
