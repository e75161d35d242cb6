"""The same lines as a PNG. matplotlib is imported here alone, and only when something is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.errors import UserError
from tuneformer.report.charts.series import Series


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One set of axes: its lines, and vertical marks with a label each."""

    series: Sequence[Series]
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False
    marks: Sequence[tuple[float, str]] = ()


def write_png(path: Path, panels: Sequence[Panel], *, title: str) -> None:
    """Writes the panels, one below the other.

    Raises:
        UserError: the file cannot be written, or its name does not tell which kind of image it is.
    """
    if not path.suffix:
        raise UserError(f"{path} has no ending that tells the kind of image: give a .png, .svg or .pdf")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    styles = ("-", "--", ":", "-.")  # lines that lie upon each other stay visible
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(8, 3.2 * len(panels)), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        for number, each in enumerate(panel.series):
            axis.plot(each.x, each.y, styles[number % len(styles)], label=each.name)
        for x, label in panel.marks:
            axis.axvline(x, color="0.4", linewidth=1)
            axis.annotate(label, (x, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8)
        axis.set(xlabel=panel.x_label, ylabel=panel.y_label)
        if panel.log_x:
            axis.set_xscale("log")
        if panel.log_y:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
        if len(panel.series) > 1:
            axis.legend(fontsize=8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    except ValueError as error:  # a suffix that stands for no kind of image
        raise UserError(f"{path} cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        pyplot.close(figure)
