"""What the tests of policies made, for those of their training."""

from __future__ import annotations

from tests.policies.conftest import estimator, policy, source

__all__ = ["estimator", "policy", "source"]
