"""Shapes and types are checked at every call under pytest, each argument once.

jaxtyping checks the arguments of a call twice and binds them anew, so as to tell better which of them was
wrong, and does so also where no annotation has a shape: a quarter of the time of the tests that train.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args

import jaxtyping

Checker = Callable[[Any], Any]

_with_shapes = jaxtyping.jaxtyped


def checked(component: Any, *, typechecker: Checker) -> Any:
    """The component, whose calls raise where an argument or result is not of the shape or type it says."""
    annotations = component.__annotations__.values() if inspect.isfunction(component) else ("",)
    if any(isinstance(annotation, str) for annotation in annotations):
        return _with_shapes(component, typechecker=typechecker)
    try:
        function = typechecker(component)
    except Exception:  # a hint that has no meaning outside of its class
        return _with_shapes(component, typechecker=typechecker)
    if not any(_has_shape(annotation) for annotation in annotations):
        return function

    @functools.wraps(component)
    def with_sizes_of_its_own(*arguments: Any, **named: Any) -> Any:
        with _with_shapes("context"):
            return function(*arguments, **named)

    return with_sizes_of_its_own


def install() -> None:
    """Has every module that jaxtyping's hook loads from now on checked so."""
    jaxtyping.jaxtyped = lambda *, typechecker: lambda component: checked(component, typechecker=typechecker)


def _has_shape(annotation: Any) -> bool:
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(_has_shape(part) for part in get_args(annotation))
