"""Shows what a run would do before it is trained.

    %(prog)s optimizer=muon scheduler=wsd

Learning rate and weight decay over the run, every parameter group with its parameters, and what seems
not to be meant. Takes the settings of training; trains nothing.
"""

from pathlib import Path

from tuneformer.cli.command_line import OverridesParser, config_of


def main() -> None:
    parser = OverridesParser(__doc__)
    parser.add_argument(
        "--png", type=Path, default=Path("outputs/preview.png"), help="where the curves are drawn"
    )
    given = parser.read()

    from tuneformer.checks.lint import lint

    config = config_of(given)

    from tuneformer.process.escaping_console import EscapingConsole
    from tuneformer.training.initial_weights import initial_weights
    from tuneformer.training.preview.plan import lint_groups, make_plan
    from tuneformer.training.preview.show import draw_plan, print_curves, print_groups
    from tuneformer.training.start import prepare_data

    data, prepared = prepare_data(config)
    plan = make_plan(config, needs=prepared.needs)
    console = EscapingConsole()
    steps = config["trainer"]["max_steps"]
    seen, n_train = steps * data.units_per_step, prepared.counts["train"]
    epochs = f", {seen / n_train:.2f} epochs" if n_train else ""
    parameters = sum(group.n_parameters for group in plan.groups)
    console.print(
        f"{config['name']}: {parameters:,} parameters, {steps:,} steps, {seen:,} {data.unit}{epochs}\n"
    )
    if config["init_from"] is not None:
        console.print(f"starting from {initial_weights(config, prepared, None)}\n", soft_wrap=True)
    print_curves(plan, console)
    print_groups(plan, console)
    draw_plan(plan, given.png, title=config["name"])
    for line in [*lint(config), *lint_groups(plan.groups)]:
        console.print(f"note: {line}", markup=False, soft_wrap=True)
    console.print(f"curves: {given.png}", markup=False, soft_wrap=True)
