"""The correction of the prior as nodes of ONNX, for skl2onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.algebra import onnx_ops
from skl2onnx.common import data_types
from sklearn.pipeline import Pipeline as SklearnPipeline

_ALIAS = "SkstratPriorCorrectedClassifier"
# Errors of skl2onnx, without a common base, where it does not convert a model.
_REFUSALS = KeyError, RuntimeError, TypeError, ValueError


def parser_of(model: Any) -> Callable[..., list[Any]]:
    """Return the function that declares the outputs, and register the option."""
    # skl2onnx refuses options for a type that is not registered.
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
        proba: Any = data_types.guess_tensor_type(inputs[0].type)
        names = "label", "probabilities"
        if _maps(scope, model):
            names = "output_label", "output_probability"
            proba = data_types.SequenceType(
                data_types.DictionaryType(_label_type(model)([1]), proba)
            )
        return [
            scope.declare_local_variable(names[0], _label_type(model)()),
            scope.declare_local_variable(names[1], proba),
        ]

    return declare


def _parse(scope: Any, model: Any, inputs: Any, **_: Any) -> Any:
    operator = scope.declare_local_operator(_ALIAS, model)
    operator.inputs = inputs
    for variable in parser_of(model)(scope, inputs):
        operator.outputs.append(variable)
    return operator.outputs


def _maps(scope: Any, model: Any) -> bool:
    return bool(scope.get_options(model, {"zipmap": True})["zipmap"])


def set_output_types(operator: Any) -> None:
    """Set types and shapes of label and probabilities."""
    model = operator.raw_operator
    n_rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = _label_type(model)([n_rows])
    if not _maps(operator.scope_inst, model):
        proba = data_types.guess_tensor_type(operator.inputs[0].type)
        operator.outputs[1].type = type(proba)([n_rows, len(model.classes_)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the estimator, and the correction of its probabilities, to a graph."""
    model = operator.raw_operator
    opset = {"op_version": container.target_opset}
    float_type = data_types.guess_tensor_type(operator.inputs[0].type)
    dtype = data_types.guess_numpy_type(float_type)
    label, proba = _predict(scope, operator, model.estimator, opset)
    shift, chance = model._shift(), None
    if model._shifts_rows:
        _refuse_pilots(operator, model, container.target_opset)
        pilots = [
            _predict(scope, operator, pilot, opset)[1]
            for pilot in model._corrected_pilots()
        ]
        shift = model._shift_in_all_rows()
        chance = _inclusion_probability(pilots, model.row_offset, dtype, opset)
    corrects = shift.any() or chance is not None
    if corrects:
        proba = _corrected(proba, shift, chance, dtype, opset)
    if corrects or model.classes is not None:
        most = onnx_ops.OnnxArgMax(proba, axis=1, keepdims=0, **opset)
        label = onnx_ops.OnnxGather(_labels(model), most, axis=0, **opset)
    names = [[variable.full_name] for variable in operator.outputs]
    onnx_ops.OnnxIdentity(label, output_names=names[0], **opset).add_to(
        scope, container
    )
    if _maps(scope, model):
        kind = (
            "strings" if _label_type(model) is data_types.StringTensorType else "int64s"
        )
        keys = {f"classlabels_{kind}": _labels(model)}
        last = onnx_ops.OnnxZipMap(proba, output_names=names[1], op_version=1, **keys)
    else:
        last = onnx_ops.OnnxIdentity(proba, output_names=names[1], **opset)
    last.add_to(scope, container)


def _predict(scope: Any, operator: Any, model: Any, opset: dict[str, int]) -> Any:
    # skl2onnx divides pipelines of any steps by itself.
    inside = scope.declare_local_operator(
        "SklearnPipeline", SklearnPipeline([("estimator", model)])
    )
    inside.inputs = operator.inputs
    float_type = data_types.guess_tensor_type(operator.inputs[0].type)
    label = scope.declare_local_variable("own", _label_type(model)())
    proba = scope.declare_local_variable("own_proba", float_type)
    inside.outputs.append(label)
    inside.outputs.append(proba)
    # Some trees of skl2onnx return float32, also if declared otherwise.
    kind = data_types.guess_proto_type(float_type)
    return label, onnx_ops.OnnxCast(proba, to=kind, **opset)


def _refuse_pilots(operator: Any, model: Any, opset: int) -> None:
    inputs = [(each.raw_name, each.type) for each in operator.inputs]
    for pilot in model._corrected_pilots():
        try:
            to_onnx(pilot, initial_types=inputs, target_opset=opset)
        except _REFUSALS as error:
            said = str(error).strip().partition("\n")[0]
            raise ValueError(
                "pilot must be a model that skl2onnx converts, for ONNX; got "
                f"{pilot.estimator!r}, whose error is: {said[:300]} Fit with another "
                "one, as GuidedDownsample(pilot=make_pipeline(SimpleImputer(), "
                "LogisticRegression()))."
            ) from error


def _inclusion_probability(
    pilots: list[Any], row_offset: Any, dtype: Any, opset: dict[str, int]
) -> Any:
    proba = pilots[0]
    for each in pilots[1:]:
        proba = onnx_ops.OnnxAdd(proba, each, **opset)
    # The sum of the others, which may be small, has more digits than 1 - p.
    others = 1 - np.eye(len(row_offset.order))[:, row_offset.order]
    hardness = onnx_ops.OnnxMatMul(proba, others.astype(dtype) / len(pilots), **opset)
    chance = onnx_ops.OnnxMul(hardness, row_offset.slopes.astype(dtype), **opset)
    chance = onnx_ops.OnnxMax(chance, row_offset.floors.astype(dtype), **opset)
    return onnx_ops.OnnxMin(chance, np.ones((1, 1), dtype=dtype), **opset)


def _corrected(
    proba: Any, shift: NDArray[Any], chance: Any, dtype: Any, opset: dict[str, int]
) -> Any:
    """Multiply probabilities by the ratio of the priors, divide by that of the row."""
    # A runtime that subtracts the other probabilities from 1 may give values below 0.
    proba = onnx_ops.OnnxMax(proba, np.zeros((1, 1), dtype=dtype), **opset)
    # The largest factor is 1 and none is 0, so no result is inf or 0 / 0.
    factors = np.exp(shift - shift.max()).astype(dtype)
    factors = np.maximum(factors, np.finfo(dtype).tiny)
    moved = onnx_ops.OnnxMul(proba, factors, **opset)
    if chance is not None:
        moved = onnx_ops.OnnxDiv(moved, chance, **opset)
    total = onnx_ops.OnnxMatMul(moved, np.ones((len(shift), 1), dtype=dtype), **opset)
    return onnx_ops.OnnxDiv(moved, total, **opset)


def _labels(model: Any) -> NDArray[Any]:
    """Return the labels in a type of ONNX, text or whole numbers."""
    classes = np.asarray(model.classes_)
    if classes.dtype.kind in "biuf" and (classes == np.floor(classes)).all():
        return classes.astype(np.int64)
    if all(isinstance(each, str) for each in classes.tolist()):
        return classes.astype(str)
    raise ValueError(
        "classes must be text or whole numbers for ONNX; got "
        f"{classes.tolist()!r}. Encode the labels before training."
    )


def _label_type(model: Any) -> Any:
    return (
        data_types.StringTensorType
        if _labels(model).dtype.kind == "U"
        else data_types.Int64TensorType
    )
