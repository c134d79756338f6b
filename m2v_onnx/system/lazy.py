"""What is made when it is first needed: once, by one thread, and never in the middle of a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")

# A process forks only while no thread makes something: nobody in the child would let go of the lock.
# That is how functools.cached_property hangs in Python 3.10 and 3.11, which lock it.
MAKING = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=MAKING.acquire, after_in_parent=MAKING.release, after_in_child=MAKING.release)


class LazyProperty(Generic[Value]):
    """An attribute that is computed when it is first read; use it as `lazy_property`.

    >>> class Model:
    ...     @lazy_property
    ...     def table(self) -> list[int]:
    ...         return [1, 2]
    >>> model = Model()
    >>> model.table is model.table
    True
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> LazyProperty[Value]: ...

    @overload
    def __get__(self, instance: object, owner: type[object]) -> Value: ...

    def __get__(self, instance: object | None, owner: type[object]) -> LazyProperty[Value] | Value:
        """Compute the attribute, and keep it where the next read finds it without this."""
        if instance is None:
            return self
        kept = vars(instance)
        with MAKING:
            if self._name not in kept:
                kept[self._name] = self._compute(instance)
            value: Value = kept[self._name]
            return value


lazy_property = LazyProperty
