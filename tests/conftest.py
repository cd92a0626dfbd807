"""What all tests have in common."""

from hypothesis import settings

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
