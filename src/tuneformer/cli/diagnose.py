"""Says what is wrong with a run.

    %(prog)s outputs/runs/<run>

The evidence, why it matters and the override to try, from the run directory alone; written into it as
analysis/diagnosis.json. Several runs, or a folder of them, give a line each.
"""

import json
from pathlib import Path

from tuneformer.cli.command_line import CommandParser


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="run directories, or folders of them")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args()

    from tuneformer.analysis.diagnosis.diagnose import diagnose, write_diagnosis
    from tuneformer.analysis.diagnosis.evidence import read_evidence, runs_in
    from tuneformer.errors import UserError
    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.process.terminal import say, show
    from tuneformer.report.diagnosis_table import print_counts, print_diagnosis

    paths = [path for folder in given.runs for path in runs_in(folder)]
    diagnoses = []
    for path in paths:
        try:
            diagnoses.append(diagnose(read_evidence(path)))
        except UserError as error:
            if len(paths) == 1:
                raise
            say(f"left out: {error}")
    files = [write_diagnosis(each) for each in diagnoses]
    if given.json:
        show(json.dumps([json.loads(file.read_text(encoding="utf-8")) for file in files], indent=2))
    elif len(paths) == 1:
        print_diagnosis(diagnoses[0], EscapingConsole())
    else:
        print_counts(diagnoses, EscapingConsole())
