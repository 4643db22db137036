"""`clapbatch`: commands are found by name and imported only when they are called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from clapbatch import __version__
from clapbatch.errors import ClapbatchError, UsageError

DONE, NOTHING_DONE, WRONG_USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

# name -> (module, attribute, line in --help). The line stands here so that --help imports nothing.
COMMANDS = {
    "single": ("clapbatch.cli.analyze", "single", "Score one song against one or more sentences."),
    "multi": ("clapbatch.cli.analyze", "multi", "Score a folder of songs, write a report."),
    "search": ("clapbatch.cli.search", "search", "Rank the songs of the store by sentences."),
    "ask": ("clapbatch.cli.ask", "ask", "Rank them by a sentence as people say it."),
    "similar": ("clapbatch.cli.search", "similar", "Rank them by their likeness to a song."),
    "playlist": ("clapbatch.cli.search", "playlist", "Write the answer as a playlist."),
    "classify": ("clapbatch.cli.classify", "classify", "Give songs the nearest of several labels."),
    "duplicates": ("clapbatch.cli.duplicates", "duplicates", "Find songs that are one recording."),
    "report": ("clapbatch.cli.report", "report", "Make a report's page again from its CSV files."),
    "compare": ("clapbatch.cli.compare", "compare", "Show where two encoders agree."),
    "wording": ("clapbatch.cli.wording", "wording", "Compare the ways to put a query."),
    "evaluate": ("clapbatch.cli.evaluate", "evaluate", "Judge an encoder against the truth."),
    "check": ("clapbatch.cli.check", "check", "Check that an encoder's scores mean something."),
    "thresholds": ("clapbatch.cli.thresholds", "thresholds", "Fit HIGH and MODERATE to labels."),
    "models": ("clapbatch.cli.models", "models", "Fetch, check and remove checkpoints."),
    "plugins": ("clapbatch.cli.plugins", "plugins", "List plugins, their options and commands."),
    "store": ("clapbatch.cli.store", "store", "Look after the store of embeddings."),
    "doctor": ("clapbatch.cli.doctor", "doctor", "Examine this installation, for bug reports."),
}

EXAMPLES = """\b
Examples:
  clapbatch single song.mp3 "female vocalist" "rock music"
  clapbatch multi ~/Music queries.txt
  clapbatch multi ~/Music queries.txt --scorer max --out reports/best-moments
  echo "solo piano" | clapbatch multi ~/Music -

\b
What was embedded once is kept in a store: new sentences about the same songs take seconds.
Exit codes: 0 all done, 3 report written but some songs failed, 2 wrong usage, 1 nothing done.
"""


class Commands(click.Group):
    """Built-in commands by name, then those that plugins add."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(set(self.commands) - set(COMMANDS))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            module, attribute, _ = COMMANDS[name]
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        if name not in self.commands:
            self._ask_plugins()
        return super().get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from clapbatch.registry import did_you_mean

            near = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"there is no command {args[0]!r}{near}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Plugins' commands are listed by `clapbatch plugins`: asking for them takes imports.
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def _ask_plugins(self) -> None:
        from clapbatch.registry import Registry

        Registry().add_commands(self)


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="clapbatch %(version)s")
def cli() -> None:
    """Find, in a folder of music, what people describe in words.

    Songs are cut into windows, each is embedded once by an audio–text encoder and compared with
    every sentence. Scores are cosines; each is labelled HIGH, MODERATE or LOW by
    the encoder's own thresholds. `clapbatch COMMAND --help` tells more.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code; every expected error is one sentence on stderr."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(args=arguments, prog_name="clapbatch", standalone_mode=False)
    except KeyboardInterrupt:
        _interrupted()
    except click.Abort:
        _interrupted()
    except click.ClickException as error:
        sys.exit(_usage(error))
    except ClapbatchError as error:
        if debug:
            raise
        _say(str(error))
        sys.exit(WRONG_USAGE if isinstance(error, UsageError) else NOTHING_DONE)
    except BrokenPipeError:
        # Whoever read us has gone (`| head`); nothing is left to tell anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOTHING_DONE)
    except Exception as error:
        if debug:
            raise
        _say(
            f"a defect in clapbatch or a plugin: {type(error).__name__}: {error}; "
            "run again with --debug and report what it prints"
        )
        sys.exit(NOTHING_DONE)
    sys.exit(code if isinstance(code, int) else DONE)


def _usage(error: click.ClickException) -> int:
    context: Any = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    _say(f"{error.format_message().rstrip('.')}{hint}")
    return WRONG_USAGE if isinstance(error, click.UsageError) else error.exit_code


def _interrupted() -> None:
    """Leave at once: threads that decode or embed would keep a tidy exit waiting."""
    sys.stdout.flush()
    _say("stopped; every finished song is kept: run the same command again to go on")
    os._exit(INTERRUPTED)


def _say(sentence: str) -> None:
    print(f"clapbatch: {sentence}", file=sys.stderr, flush=True)
