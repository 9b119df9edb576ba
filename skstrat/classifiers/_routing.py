"""Fit parameters that a meta-classifier passes to its estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)

from skstrat._core.compat import routing_enabled


class RoutesFitParams(BaseEstimator):
    """A meta-classifier that passes fit parameters to its ``estimator``."""

    # Routers pass weights by requests, not by arguments.
    __metadata_request__fit = {"sample_weight": True}

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of fit parameters to the estimator.

        Returns
        -------
        MetadataRouter
            Routing of ``sample_weight`` to this classifier, of all else to the
            estimator.
        """
        inner = get_routing_for_object(self.estimator)
        # The weights of the estimator are decided here, whatever it requests.
        if isinstance(inner, MetadataRequest):
            inner.fit.requests.pop("sample_weight", None)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=inner, method_mapping=mapping)

    def _routed(self, fit_params: dict[str, Any]) -> dict[str, Any]:
        # CatBoost has no metadata requests.
        if not (routing_enabled() and hasattr(self.estimator, "get_metadata_routing")):
            return fit_params
        # A string asks this classifier for an eval set, for any estimator.
        words = {"eval_set"} if isinstance(fit_params.get("eval_set"), str) else set()
        others = {name: fit_params[name] for name in fit_params if name not in words}
        routed = process_routing(self, "fit", **others)["estimator"]["fit"]
        return {**routed, **{name: fit_params[name] for name in words}}
