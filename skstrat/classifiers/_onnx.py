"""The correction of the prior as nodes of ONNX, for skl2onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx import update_registered_converter
from skl2onnx.algebra.onnx_ops import (
    OnnxArgMax,
    OnnxDiv,
    OnnxGather,
    OnnxIdentity,
    OnnxMatMul,
    OnnxMax,
    OnnxMul,
    OnnxZipMap,
)
from skl2onnx.common.data_types import (
    DictionaryType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
    guess_numpy_type,
    guess_tensor_type,
)
from sklearn.pipeline import Pipeline as SklearnPipeline

_ALIAS = "SkstratPriorCorrectedClassifier"


def parser_of(model: Any) -> Callable[..., list[Any]]:
    """Give the function that declares the outputs, and make the option known."""
    # skl2onnx refuses options for a type that it has not been told of.
    update_registered_converter(
        type(model),
        _ALIAS,
        set_output_types,
        convert,
        overwrite=True,
        parser=_parse,
        options={"zipmap": [True, False]},
    )

    def declare(scope: Any, inputs: Any) -> list[Any]:
        proba: Any = guess_tensor_type(inputs[0].type)
        names = "label", "probabilities"
        if _maps(scope, model):
            names = "output_label", "output_probability"
            proba = SequenceType(DictionaryType(_label_type(model)([1]), proba))
        return [
            scope.declare_local_variable(names[0], _label_type(model)()),
            scope.declare_local_variable(names[1], proba),
        ]

    return declare


def _parse(scope: Any, model: Any, inputs: Any, **_: Any) -> Any:
    """Declare the operator and its outputs, once the type is known."""
    operator = scope.declare_local_operator(_ALIAS, model)
    operator.inputs = inputs
    for variable in parser_of(model)(scope, inputs):
        operator.outputs.append(variable)
    return operator.outputs


def _maps(scope: Any, model: Any) -> bool:
    """Tell whether probabilities are given as a map from label to probability."""
    return bool(scope.get_options(model, {"zipmap": True})["zipmap"])


def set_output_types(operator: Any) -> None:
    """Set types and shapes of label and probabilities."""
    model = operator.raw_operator
    n_rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = _label_type(model)([n_rows])
    if not _maps(operator.scope_inst, model):
        proba = guess_tensor_type(operator.inputs[0].type)
        operator.outputs[1].type = type(proba)([n_rows, len(model.classes_)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the estimator, and the correction of its probabilities, to a graph."""
    model = operator.raw_operator
    opset = {"op_version": container.target_opset}
    float_type = guess_tensor_type(operator.inputs[0].type)
    # skl2onnx knows how to take a pipeline apart, whatever its steps are.
    inside = scope.declare_local_operator(
        "SklearnPipeline", SklearnPipeline([("estimator", model.estimator)])
    )
    inside.inputs = operator.inputs
    inside.outputs.append(scope.declare_local_variable("own", _label_type(model)()))
    inside.outputs.append(scope.declare_local_variable("own_proba", float_type))
    label, proba = inside.outputs
    proba = _corrected(proba, model, guess_numpy_type(float_type), opset)
    if not model._shift().any():
        proba = OnnxIdentity(proba, **opset)
    else:
        most = OnnxArgMax(proba, axis=1, keepdims=0, **opset)
        label = OnnxGather(_labels(model), most, axis=0, **opset)
    names = [[variable.full_name] for variable in operator.outputs]
    OnnxIdentity(label, output_names=names[0], **opset).add_to(scope, container)
    if _maps(scope, model):
        text = _label_type(model) is StringTensorType
        keys = {f"classlabels_{'strings' if text else 'int64s'}": _labels(model)}
        last = OnnxZipMap(proba, output_names=names[1], op_version=1, **keys)
    else:
        last = OnnxIdentity(proba, output_names=names[1], **opset)
    last.add_to(scope, container)


def _corrected(proba: Any, model: Any, dtype: Any, opset: dict[str, int]) -> Any:
    """Multiply probabilities by the ratio of masses."""
    shift = model._shift()
    if not shift.any():
        return proba
    # A runtime that takes the other probabilities from 1 may fall below 0.
    proba = OnnxMax(proba, np.zeros((1, 1), dtype=dtype), **opset)
    # The largest factor is 1 and none is 0, so nothing is inf or 0 / 0.
    factors = np.exp(shift - shift.max()).astype(dtype)
    factors = np.maximum(factors, np.finfo(dtype).tiny)
    moved = OnnxMul(proba, factors, **opset)
    total = OnnxMatMul(moved, np.ones((len(shift), 1), dtype=dtype), **opset)
    return OnnxDiv(moved, total, **opset)


def _labels(model: Any) -> NDArray[Any]:
    classes = np.asarray(model.classes_)
    if _label_type(model) is StringTensorType:
        return classes.astype(str)
    return classes.astype(np.int64)


def _label_type(model: Any) -> Any:
    """Give the type of the labels, text or whole numbers."""
    classes = np.asarray(model.classes_)
    if classes.dtype.kind in "biu":
        return Int64TensorType
    if classes.dtype.kind == "f" and (classes == np.floor(classes)).all():
        return Int64TensorType
    if all(isinstance(each, str) for each in classes.tolist()):
        return StringTensorType
    raise ValueError(
        "classes must be text or whole numbers for ONNX; got "
        f"{classes.tolist()!r}. Encode the labels before training."
    )
