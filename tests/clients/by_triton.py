"""A program that asks by Triton's HTTP client.

``python -m tests.clients.by_triton PORT`` prints what it was answered.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

COLUMNS = {
    "age": ("FP64", np.array([[41.5], [float("nan")]])),
    "plan": ("BYTES", np.array([["free"], ["früh"]], dtype=object)),
    "member": ("BOOL", np.array([[True], [False]])),
}
MATRIX = {"input-0": ("FP32", np.array([[41.5, 900.25], [42.5, 901.25]], dtype=np.float32))}


def answers(port: str) -> Iterator[Any]:
    """Ask by JSON and by raw tensors: columns, then one matrix."""
    from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

    with InferenceServerClient(f"127.0.0.1:{port}") as client:
        for binary in (False, True):
            for kind, tensors in (("columns", COLUMNS), ("matrix", MATRIX)):
                inputs = [
                    InferInput(name, list(values.shape), datatype).set_data_from_numpy(
                        values, binary_data=binary
                    )
                    for name, (datatype, values) in tensors.items()
                ]
                result = client.infer(
                    "fraud",
                    inputs,
                    model_version="2",
                    request_id=f"{kind}-{binary}",
                    outputs=[InferRequestedOutput("risk")],
                )
                yield result.get_response()["id"], result.as_numpy("risk").tolist()


if __name__ == "__main__":
    print(json.dumps(list(answers(sys.argv[1]))))
