"""The diagnosis of a run: what the rules found, and which could not look."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuneformer.analysis.diagnosis.evidence import Evidence, read_evidence
from tuneformer.analysis.diagnosis.finding import SEVERITIES, Finding, gravest_first
from tuneformer.analysis.diagnosis.rules import all_rules
from tuneformer.errors import UserError
from tuneformer.process.invocation import command_for
from tuneformer.runs.files import write_json
from tuneformer.runs.links import check_no_way_out
from tuneformer.runs.record import stop_told
from tuneformer.runs.shown_paths import shown_path

SHOWN = 2


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Findings, gravest first, and what the rules that could not look would have needed.

    `notes`: what else to know of the run: that it stopped before its horizon, which rows are lost.
    """

    path: Path
    findings: tuple[Finding, ...]
    blind: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        """The number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """What analysis/diagnosis.json holds."""
        return {
            "run": shown_path(self.path),
            "findings": [finding.as_json() for finding in self.findings],
            "could_not_look": dict(self.blind),
            "notes": list(self.notes),
        }


def diagnose(evidence: Evidence) -> Diagnosis:
    """What every rule says of a run."""
    findings, blind = [], {}
    for rule in all_rules():
        unmet = next((text for need in rule.needs if (text := need.unmet(evidence))), None)
        if unmet is not None:
            blind[rule.name] = unmet
        elif (finding := rule.look(evidence)) is not None:
            findings.append(finding)
    told = stop_told(evidence.record)
    return Diagnosis(
        path=evidence.path,
        findings=tuple(sorted(findings, key=gravest_first)),
        blind=blind,
        notes=(*([f"stopped{told}"] if told else []), *evidence.record.lost),
    )


def write_diagnosis(diagnosis: Diagnosis) -> Path:
    """Writes analysis/diagnosis.json into the run directory. Raises UserError if it cannot be."""
    file = diagnosis.path / "analysis" / "diagnosis.json"
    check_no_way_out(diagnosis.path)
    try:
        file.parent.mkdir(exist_ok=True)
        write_json(file, diagnosis.as_json())
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
    return file


def closing_lines(path: Path) -> list[str]:
    """Two lines for the end of a run: errors and warnings, the gravest with their overrides, and the command.

    Empty where there is neither an error nor a warning, or nothing to look at.
    """
    try:
        diagnosis = diagnose(read_evidence(path))
    except UserError:
        return []
    grave = [finding for finding in diagnosis.findings if finding.severity != SEVERITIES[-1]]
    if not grave:
        return []
    told = "; ".join(_told(finding) for finding in grave[:SHOWN])
    counts = ", ".join(f"{diagnosis.count(severity)} {severity}s" for severity in SEVERITIES[:-1])
    return [f"diagnosis ({counts}): {told}", f"evidence and reasons: {command_for('diagnose')} {path}"]


def _told(finding: Finding) -> str:
    name = finding.rule.replace("_", " ")
    return f"{name} since step {finding.since}" + (f", try {finding.override}" if finding.override else "")
