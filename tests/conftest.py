"""For every test: no time limit of Hypothesis; how busy the machine is says nothing of the code."""

from hypothesis import HealthCheck, settings

settings.register_profile("srbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("srbench")
