"""Writes text with a run's model.

    %(prog)s outputs/runs/<run> --prompt "ROMEO:"

A run of translation translates the prompt, by the search of its data settings.
"""

from pathlib import Path

from tuneformer.cli.command_line import CommandParser
from tuneformer.config.ranges import AT_LEAST_ONE, NOT_NEGATIVE, SEED, up_to

MOST_TOKENS = 1_000_000


def main() -> None:
    parser = CommandParser(__doc__)
    parser.add_argument("run", type=Path, help="a run directory, such as outputs/runs/<run>")
    parser.add_argument("--prompt", default="\n", help="what the text begins with (default: a new line)")
    parser.add_number("--tokens", up_to(MOST_TOKENS), default=300, what="how many to write (default: 300)")
    parser.add_number(
        "--temperature", NOT_NEGATIVE, of=float, default=0.8, what="0: always the likeliest (default: 0.8)"
    )
    parser.add_number(
        "--top-k", AT_LEAST_ONE, default=None, what="draw from the k likeliest only (default: all)"
    )
    parser.add_number("--seed", SEED, default=0, what="of the random numbers (default: 0)")
    parser.add_argument("--checkpoint", default="last", help="last or best (default: last)")
    arguments = parser.parse_args()

    import torch

    import tuneformer
    from tuneformer.errors import UserError
    from tuneformer.inference.generation import generate
    from tuneformer.process.terminal import say, show
    from tuneformer.runs.record import stop_told

    run = tuneformer.load_run(arguments.run, checkpoint=arguments.checkpoint)
    if told := stop_told(run.record):
        say(f"{run.path} stopped{told}")
    if run.task_facts.text == "translated":
        from tuneformer.inference.translating import translate

        show(translate(run, arguments.prompt))
        return
    if run.task_facts.text != "continued":
        raise UserError(f"{run.path} does not continue text: its task is {run.task}")
    prompt = run.tokenizer.encode_prompt(arguments.prompt)
    tokens = generate(
        run.model,
        torch.as_tensor(prompt).long(),
        context_length=run.config["data"]["context_length"],
        n_tokens=arguments.tokens,
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        generator=torch.Generator().manual_seed(arguments.seed),
    )
    show(arguments.prompt + run.tokenizer.decode(list(tokens)))
