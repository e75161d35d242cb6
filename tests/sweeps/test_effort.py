import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sweeps.conftest import SWEEP


def test_the_effort_of_a_method_is_the_sum_over_its_jobs(
    sweep: Callable[..., Any], records: Callable[[], dict[str, dict[str, Any]]]
) -> None:
    assert sweep("optimizer=sgd,adam", "optimizer.lr=1e-3,1e-2", "trainer.max_steps=2").status == 0
    methods = {each["method"]: each for each in json.loads(Path(SWEEP, "effort.json").read_text())["methods"]}
    assert set(methods) == {"data=text,optimizer=sgd", "data=text,optimizer=adam"}
    for name, effort in methods.items():
        optimizer = name.rpartition("=")[2]
        mine = [record for job, record in records().items() if f"optimizer={optimizer}" in job]
        assert (effort["trials"], effort["steps"]) == (2, 4)
        assert effort["statuses"] == {"finished": 2}
        assert effort["seconds"] == sum(record["wall_seconds"] for record in mine)
