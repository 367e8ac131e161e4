"""For all tests: one thread, and hypothesis without deadlines (the first call of anything imports or traces it).

Nothing of phin is imported here: the checks of shapes are put in as its modules are first imported, after this file.
"""

import hypothesis
import torch

hypothesis.settings.register_profile("phin", deadline=None)
hypothesis.settings.load_profile("phin")
torch.set_num_threads(1)
