"""Control losses: what a perceptual loss has to beat, and what its weights have to earn.

They are a plugin like any other (:mod:`srbench.controls.plugin`), installed with the host.
"""
